//! The payment providers: the rules that both follow, and the specifics of each.
//!
//! One test target for all of it, because each target is linked separately.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests may panic as the tests may"
)]

mod contract;
mod provider_actions;
mod sandbox_cards;
mod sandbox_durability;
mod stripe_answers;
mod stripe_faults;
mod stripe_tls;
mod stripe_webhooks;
mod support;
