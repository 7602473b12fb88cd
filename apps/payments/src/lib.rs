//! Payments: the money behind an order.
#![deny(missing_docs)]

pub mod provider;
