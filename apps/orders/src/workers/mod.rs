//! What the orders service does by itself.

pub(crate) mod expiry;
pub(crate) mod payments;
pub(crate) mod withdrawals;
