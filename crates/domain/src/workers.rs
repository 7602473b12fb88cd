//! Names of the workers. They are published: a name is the actor of a worker's commits, appears in
//! the permissions of its service, and is part of the derivation of its commands' IDs.

/// Schedules the expiry of each order.
pub const EXPIRATION_ON_ORDERS: &str = "expiration-on-orders";
/// Expires orders when they are due.
pub const ORDERS_ON_EXPIRY: &str = "orders-on-expiry";
/// Lets orders follow their payments.
pub const ORDERS_ON_PAYMENTS: &str = "orders-on-payments";
/// Ends the sale of a ticket that its seller withdraws.
pub const ORDERS_ON_TICKETS: &str = "orders-on-tickets";
/// Expires orders that are overdue.
pub const ORDERS_SWEEP: &str = "orders-sweep";
/// Settles payments when their order is decided.
pub const PAYMENTS_ON_ORDERS: &str = "payments-on-orders";
/// Schedules a check of each payment after its order's end.
pub const PAYMENTS_ON_PAYMENTS: &str = "payments-on-payments";
/// Executes that check.
pub const PAYMENTS_ON_SETTLEMENT: &str = "payments-on-settlement";
/// Lets tickets follow their orders.
pub const TICKETS_ON_ORDERS: &str = "tickets-on-orders";
