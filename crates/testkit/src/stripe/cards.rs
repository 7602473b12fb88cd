//! Cards that fail later. Stripe has no tokens for most of it; the sandbox's tokens work here, too,
//! so that both follow the same rules.

/// The provider closes the payment's first intent instead of trying it.
pub(super) const CLOSES_THE_FIRST: &str = "tok_sandbox_intent_cancelled";
/// The money is released before it is captured.
pub(super) const CAPTURE_FAILS: &str = "tok_sandbox_capture_fails";
/// The money is refunded after it is captured.
pub(super) const REFUNDED: &str = "tok_sandbox_refunded";
/// Half of it is refunded.
pub(super) const PARTLY_REFUNDED: &str = "tok_sandbox_partly_refunded";
/// The buyer's bank disputes it. This token is Stripe's own.
pub(super) const DISPUTED: &str = "tok_createDispute";
