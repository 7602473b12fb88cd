//! A ticket as it is stored.

use api::{Amount, TicketStatus};
use projections::{
    bson_values::{from_bson, unsigned},
    mongodb::bson,
};
use serde::Deserialize;

/// A ticket as it is read.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TicketDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    title: String,
    price: i64,
    seller: bson::Uuid,
    status: TicketStatus,
    order: Option<bson::Uuid>,
    version: i64,
    listed: i64,
}

impl TicketDoc {
    /// Sequence of the commit that listed it.
    pub fn listed(&self) -> u64 {
        unsigned(self.listed)
    }

    /// Price in cents.
    pub fn price(&self) -> u64 {
        unsigned(self.price)
    }

    pub fn into_api(self) -> api::Ticket {
        api::Ticket {
            id: from_bson(self.id),
            title: self.title,
            price: Amount::from_cents(self.price),
            user_id: from_bson(self.seller),
            version: unsigned(self.version),
            order_id: self.order.map(from_bson),
            status: self.status,
        }
    }
}
