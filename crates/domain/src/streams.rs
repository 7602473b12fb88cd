//! Names of the streams. They are published: exports, backups, permissions and error messages hold
//! them.

/// Users and their roles.
pub const USERS: &str = "USERS";
/// Tickets.
pub const TICKETS: &str = "TICKETS";
/// Orders: one aggregate per ticket.
pub const ORDERS: &str = "ORDERS";
/// Payments.
pub const PAYMENTS: &str = "PAYMENTS";
