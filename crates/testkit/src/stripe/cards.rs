//! Cards that make trouble later. Stripe has no tokens for most of it; those of the sandbox are known
//! here, too, so that both keep the same laws.

/// The provider closes the payment's first intent instead of trying it.
pub(super) const CLOSES_THE_FIRST: &str = "tok_sandbox_intent_cancelled";
/// The money is let go before it is taken.
pub(super) const CAPTURE_FAILS: &str = "tok_sandbox_capture_fails";
/// The money is given back when it is taken.
pub(super) const REFUNDED: &str = "tok_sandbox_refunded";
/// Half of it is.
pub(super) const PARTLY_REFUNDED: &str = "tok_sandbox_partly_refunded";
/// The buyer's bank asks for it back. This one is Stripe's own.
pub(super) const DISPUTED: &str = "tok_createDispute";
