//! Tickets.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Amount, Field};

/// A ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Ticket {
    /// Identity.
    pub id: Uuid,
    /// Title.
    pub title: String,
    /// Price.
    pub price: Amount,
    /// The seller.
    pub user_id: Uuid,
    /// 0 when listed, one more with each change.
    pub version: u64,
    /// The order that holds or bought it; absent while it is for sale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<Uuid>,
    /// Whether it can be ordered.
    pub status: TicketStatus,
}

/// Whether a ticket can be ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TicketStatus {
    /// No order holds it.
    Open,
    /// An unpaid order holds it.
    Reserved,
    /// It was paid for.
    Sold,
    /// Its seller took it off the market.
    Withdrawn,
}

/// The body of `POST /api/tickets` and `PUT /api/tickets/{id}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewTicket {
    /// Title, 1 to 200 characters.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub title: Field<String>,
    /// Price, at most 999,999.99 and at least what a card can be charged: 0.50 in most currencies.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = f64))]
    pub price: Field<Amount>,
}

/// The order of a list of tickets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TicketSort {
    /// Newest first.
    #[default]
    #[serde(rename = "newest")]
    Newest,
    /// Cheapest first.
    #[serde(rename = "price")]
    PriceUp,
    /// Dearest first.
    #[serde(rename = "-price")]
    PriceDown,
}

/// The answer of `GET /api/tickets/mine`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MyTickets {
    /// The caller's tickets, newest first.
    pub tickets: Vec<Ticket>,
    /// The total of those that are sold.
    pub earned: Amount,
}
