//! Commands that one service schedules and another, or itself later, executes: part of the
//! published language, like the events.

use serde::{Deserialize, Serialize};

use crate::{OrderId, TicketId};

/// Cancel an order whose time is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpireOrder {
    /// Which order.
    pub order_id: OrderId,
    /// The ticket that it is of: the aggregate that decides.
    pub ticket_id: TicketId,
}

impl ExpireOrder {
    /// The kind under which it is scheduled.
    pub const KIND: &'static str = "expire-order";
}

/// Check whether a payment that was begun has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettlePayment {
    /// The order that it pays.
    pub order_id: OrderId,
}

impl SettlePayment {
    /// The kind under which it is scheduled.
    pub const KIND: &'static str = "settle-payment";
}
