//! Orders: each one, those of a buyer, and those that are overdue.

mod document;
mod projection;

pub use projection::OrdersProjection;

use chrono::{DateTime, Utc};
use eventstore::{Log, StoreError};
use futures_util::TryStreamExt;
use projections::{
    MongoStore, ReadError, Runner, RunnerSettings,
    bson_values::{int, nanos, uuid},
    cursor,
    mongodb::bson::{Document, doc},
    retry_after_switch,
};
use uuid::Uuid;

use crate::{model::Model, tickets::MAX_PAGE};
use document::OrderDoc;

/// Number of overdue orders that are returned at once.
const OVERDUE: i64 = 1_000;

/// The read model of orders. Clones share it.
#[derive(Clone)]
pub struct Orders {
    model: Model<OrderDoc>,
}

/// A buyer's orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuyerOrders {
    /// One page of the buyer's orders, oldest first.
    pub orders: Vec<api::Order>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}

/// An order that was not paid in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverdueOrder {
    /// The order.
    pub order: Uuid,
    /// Its ticket: the aggregate that decides.
    pub ticket: Uuid,
    /// The end of the time for payment.
    pub expires_at: DateTime<Utc>,
}

impl Orders {
    /// Starts to keep the read model up to date, and to answer from it.
    ///
    /// # Errors
    /// When the log can't be reached.
    pub async fn start(
        log: &Log,
        store: &MongoStore,
        settings: RunnerSettings,
    ) -> Result<Self, StoreError> {
        let model = Model::start(OrdersProjection, log, store, settings).await?;
        Ok(Self { model })
    }

    /// The runner: its progress and its state.
    pub fn runner(&self) -> &Runner {
        &self.model.runner
    }

    /// Returns one order.
    ///
    /// An order may be in the log and not here yet, so its absence is reported only after the read
    /// model reached the log's end as of this call.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] within 4 s.
    pub async fn find(&self, order: Uuid) -> Result<Option<api::Order>, ReadError> {
        let progress = self.model.runner.progress();
        progress.find(&self.model.log, |_| self.load(order)).await
    }

    /// Returns the orders of a buyer, oldest first; at most `limit` (and at most [`MAX_PAGE`]).
    ///
    /// # Errors
    /// [`ReadError::BadCursor`]; [`ReadError::Unavailable`] within 2 s.
    pub async fn by_buyer(
        &self,
        buyer: Uuid,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<BuyerOrders, ReadError> {
        const LIST: &str = "buyer";
        let limit = limit.clamp(1, MAX_PAGE);
        let mut filter = doc! { "buyer": uuid(buyer) };
        if let Some(cursor) = cursor {
            let [placed] = cursor::decode(LIST, cursor)?;
            filter.insert("placed", doc! { "$gt": int(placed) });
        }
        // One more than shown: whether there is a next page.
        let limit_and_one = i64::from(limit) + 1;
        let mut found = self
            .query(filter, doc! { "placed": 1 }, limit_and_one)
            .await?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let last = found.last().map(OrderDoc::placed).filter(|_| more);
        Ok(BuyerOrders {
            orders: found.into_iter().map(OrderDoc::into_api).collect(),
            next: last.map(|placed| cursor::encode(LIST, &[placed])),
        })
    }

    /// Returns orders that can still be paid although their time was over at `now`; the longest
    /// overdue first, 1,000 at most.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] within 2 s.
    pub async fn overdue(&self, now: DateTime<Utc>) -> Result<Vec<OverdueOrder>, ReadError> {
        let filter = doc! { "payable": true, "expires_at": { "$lte": nanos(now) } };
        let found = self
            .query(filter, doc! { "expires_at": 1 }, OVERDUE)
            .await?;
        Ok(found.iter().map(OrderDoc::overdue).collect())
    }

    async fn load(&self, order: Uuid) -> Result<Option<api::Order>, ReadError> {
        let found = self.model.document(order).await?;
        Ok(found.map(OrderDoc::into_api))
    }

    async fn query(
        &self,
        filter: Document,
        sort: Document,
        limit: i64,
    ) -> Result<Vec<OrderDoc>, ReadError> {
        let find = || async {
            self.model
                .collection
                .find(filter.clone())
                .sort(sort.clone())
                .limit(limit)
                // A single batch, up to 16 MB: a second one could come after a rebuilt collection
                // took over.
                .batch_size(i32::MAX.unsigned_abs())
                .await?
                .try_collect()
                .await
        };
        let read = |_| async { Ok(retry_after_switch(find).await?) };
        self.model.runner.progress().read(read).await
    }
}
