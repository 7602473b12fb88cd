//! Finds the ticket and the buyer of an order. The payments service's own view of the orders'
//! events; it never reads the orders service's read model.

use domain::ticket_orders::TicketOrdersEvent;
use event_streams::ORDERS;
use eventstore::{Commit, Log, StoreError, StreamName};
use projections::{
    Change, FoldError, Index, MongoStore, Projection, ReadError, Runner, RunnerSettings,
    bson_values::{from_bson, uuid},
    mongodb::bson::{self, doc},
};
use serde::Deserialize;
use uuid::Uuid;

use crate::model::Model;

/// Orders that can be paid: one document per order, which never changes.
#[derive(Clone, Copy, Debug)]
pub struct PayableOrdersProjection;

/// The read model of the payments service. Clones share it.
#[derive(Clone)]
pub struct PayableOrders {
    model: Model<PayableDoc>,
}

/// An order's ticket and buyer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayableOrder {
    /// The order.
    pub order: Uuid,
    /// Its ticket: the aggregate that decides.
    pub ticket: Uuid,
    /// The buyer.
    pub buyer: Uuid,
}

#[derive(Clone, Debug, Deserialize)]
struct PayableDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    ticket: bson::Uuid,
    buyer: bson::Uuid,
}

impl PayableOrders {
    /// Starts to keep the read model up to date, and to answer from it.
    ///
    /// # Errors
    /// When the log can't be reached.
    pub async fn start(
        log: &Log,
        store: &MongoStore,
        settings: RunnerSettings,
    ) -> Result<Self, StoreError> {
        let model = Model::start(PayableOrdersProjection, log, store, settings).await?;
        Ok(Self { model })
    }

    /// The runner: its progress and its state.
    pub fn runner(&self) -> &Runner {
        &self.model.runner
    }

    /// Finds an order's ticket and buyer. An absence is reported only after the read model reached
    /// the log's end as of this call.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] within 4 s.
    pub async fn find(&self, order: Uuid) -> Result<Option<PayableOrder>, ReadError> {
        let progress = self.model.runner.progress();
        progress.find(&self.model.log, |_| self.load(order)).await
    }

    async fn load(&self, order: Uuid) -> Result<Option<PayableOrder>, ReadError> {
        let found = self.model.document(order).await?;
        Ok(found.map(|found| PayableOrder {
            order: from_bson(found.id),
            ticket: from_bson(found.ticket),
            buyer: from_bson(found.buyer),
        }))
    }
}

impl Projection for PayableOrdersProjection {
    fn name(&self) -> &'static str {
        "payable_orders"
    }

    fn version(&self) -> u32 {
        1
    }

    fn streams(&self) -> Vec<StreamName> {
        vec![ORDERS]
    }

    fn indexes(&self) -> Vec<Index> {
        Vec::new()
    }

    fn fold(&self, commit: &Commit) -> Result<Vec<Change>, FoldError> {
        let events = commit.decode::<TicketOrdersEvent>();
        let events = events.map_err(|error| FoldError::of(commit, error.to_string()))?;
        Ok(events
            .into_iter()
            .filter_map(|(_, event)| match event {
                TicketOrdersEvent::OrderPlaced {
                    order_id,
                    buyer,
                    ticket,
                    ..
                } => Some(Change::Put {
                    id: order_id.0.into(),
                    doc: doc! { "ticket": uuid(ticket.id.0), "buyer": uuid(buyer.0) },
                }),
                _ => None,
            })
            .collect())
    }
}
