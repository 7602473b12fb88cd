//! An order as it is stored.

use api::{Amount, CancelReason, OrderStatus, OrderedTicket};
use projections::{
    bson_values::{from_bson, from_nanos, unsigned},
    mongodb::bson,
};
use serde::Deserialize;

use super::OverdueOrder;

/// An order as it is read.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct OrderDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    ticket: bson::Uuid,
    title: String,
    price: i64,
    currency: String,
    ticket_version: i64,
    buyer: bson::Uuid,
    status: OrderStatus,
    placed_at: i64,
    expires_at: i64,
    /// Its place in the log, by which a buyer's orders are sorted.
    placed: i64,
    #[serde(default)]
    cancel_reason: Option<CancelReason>,
    version: i64,
}

impl OrderDoc {
    pub fn into_api(self) -> api::Order {
        api::Order {
            id: from_bson(self.id),
            user_id: from_bson(self.buyer),
            status: self.status,
            created_at: from_nanos(self.placed_at),
            expires_at: from_nanos(self.expires_at),
            ticket: OrderedTicket {
                id: from_bson(self.ticket),
                title: self.title,
                price: Amount::from_cents(self.price),
                currency: self.currency.to_uppercase(),
                version: unsigned(self.ticket_version),
            },
            cancel_reason: self.cancel_reason,
            version: unsigned(self.version),
        }
    }

    pub fn placed(&self) -> u64 {
        unsigned(self.placed)
    }

    pub fn overdue(&self) -> OverdueOrder {
        OverdueOrder {
            order: from_bson(self.id),
            ticket: from_bson(self.ticket),
            expires_at: from_nanos(self.expires_at),
        }
    }
}
