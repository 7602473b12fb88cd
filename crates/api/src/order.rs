//! Orders.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Amount, Field};

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Order {
    /// Identity.
    pub id: Uuid,
    /// The buyer.
    pub user_id: Uuid,
    /// Its status.
    pub status: OrderStatus,
    /// When it was placed.
    #[serde(deserialize_with = "crate::time::read")]
    pub created_at: DateTime<Utc>,
    /// The end of the time for payment.
    #[serde(deserialize_with = "crate::time::read")]
    pub expires_at: DateTime<Utc>,
    /// The ticket.
    pub ticket: OrderedTicket,
    /// Why it was cancelled, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_reason: Option<CancelReason>,
    /// 0 when placed, one more with each change.
    pub version: u64,
}

/// The ticket of an order, as it was when the order was placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrderedTicket {
    /// Identity.
    pub id: Uuid,
    /// Title.
    pub title: String,
    /// Price.
    pub price: Amount,
    /// The currency in which it is charged, by its ISO 4217 code: the one in which prices were
    /// shown when the order was placed.
    pub currency: String,
    /// Version of the ticket.
    pub version: u64,
}

/// The status of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum OrderStatus {
    /// Placed, not paid.
    #[serde(rename = "created")]
    Created,
    /// A payment was begun.
    #[serde(rename = "awaiting:payment")]
    AwaitingPayment,
    /// Paid.
    #[serde(rename = "complete")]
    Complete,
    /// Cancelled by the buyer, not paid in time, or its money was lost.
    #[serde(rename = "cancelled")]
    Cancelled,
}

/// Why an order was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum CancelReason {
    /// The buyer cancelled it.
    Buyer,
    /// It wasn't paid in time.
    Expired,
    /// It was paid, but the card company released the money before it was captured.
    #[serde(rename = "payment_lost")]
    PaymentLost,
}

/// The body of `POST /api/orders`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewOrder {
    /// The ticket to hold.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub ticket_id: Field<String>,
    /// The price that the buyer was shown; the order is refused if it has changed. Optional.
    #[serde(default, skip_serializing_if = "Field::is_missing")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<f64>))]
    pub expected_price: Field<Amount>,
    /// The version of the ticket that the buyer was shown; the order is refused if title or price
    /// changed since. Optional.
    #[serde(default, skip_serializing_if = "Field::is_missing")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>))]
    pub expected_version: Field<u64>,
}
