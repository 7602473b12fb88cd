//! Tickets: each one, those for sale, and those of a seller.

mod document;
mod list;
mod projection;
#[cfg(test)]
mod query_plans;

pub use list::TicketQuery;
pub use projection::TicketsProjection;

use api::Amount;
use eventstore::{Log, StoreError};
use futures_util::TryStreamExt;
use projections::{
    CachedJson, Changed, DocumentId, Invalidate, MongoStore, ReadError, ReadFrom, RenderCache,
    Runner, RunnerSettings,
    bson_values::{int, uuid},
    cursor,
    mongodb::bson::doc,
    retry_after_switch,
};
use std::sync::Arc;
use uuid::Uuid;

use crate::model::Model;
use document::TicketDoc;
use list::PageKey;

/// Memory for single rendered tickets, in bytes.
const TICKETS_KEPT: u64 = 32 * 1024 * 1024;
/// Memory for rendered pages of the list, in bytes.
const PAGES_KEPT: u64 = 16 * 1024 * 1024;
/// The most tickets on one page.
pub const MAX_PAGE: u32 = 200;

/// The read model of tickets. Clones share it.
#[derive(Clone)]
pub struct Tickets {
    model: Model<TicketDoc>,
    kept: Arc<Kept>,
}

struct Kept {
    tickets: RenderCache<Uuid>,
    pages: RenderCache<PageKey>,
}

/// A seller's tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SellerTickets {
    /// One page of the seller's tickets, newest first.
    pub tickets: Vec<api::Ticket>,
    /// The total of all the seller's sold tickets.
    pub earned: Amount,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}

impl Tickets {
    /// Starts to keep the read model up to date, and to answer from it.
    ///
    /// # Errors
    /// When the log can't be reached.
    pub async fn start(
        log: &Log,
        store: &MongoStore,
        settings: RunnerSettings,
    ) -> Result<Self, StoreError> {
        let model = Model::start(TicketsProjection, log, store, settings).await?;
        let kept = Arc::new(Kept {
            tickets: RenderCache::new(TICKETS_KEPT).counted_as("tickets"),
            pages: RenderCache::weighing(PAGES_KEPT, PageKey::bytes).counted_as("ticket-pages"),
        });
        model.runner.progress().register_cache(kept.clone());
        Ok(Self { model, kept })
    }

    /// The runner: its progress and its state.
    pub fn runner(&self) -> &Runner {
        &self.model.runner
    }

    /// Returns one ticket, rendered as [`api::Ticket`].
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] within 2 s.
    pub async fn find(&self, id: Uuid) -> Result<Option<Arc<CachedJson>>, ReadError> {
        let load = || async {
            let ticket = self.load(id).await?;
            ticket.map(|ticket| render(&ticket, None)).transpose()
        };
        let read = |source| async move {
            match source {
                ReadFrom::Memory => self.kept.tickets.get(&id, load).await,
                ReadFrom::Database => Ok(load().await?.map(Arc::new)),
            }
        };
        self.model.runner.progress().read(read).await
    }

    /// Returns one ticket.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] within 2 s.
    pub async fn get(&self, id: Uuid) -> Result<Option<api::Ticket>, ReadError> {
        self.model.runner.progress().read(|_| self.load(id)).await
    }

    /// Returns one page of the tickets for sale, rendered as an array of [`api::Ticket`].
    ///
    /// # Errors
    /// [`ReadError::BadCursor`]; [`ReadError::Unavailable`] within 2 s.
    pub async fn list(&self, query: &TicketQuery) -> Result<Arc<CachedJson>, ReadError> {
        let key = &PageKey::new(query)?;
        let load = || async {
            let (tickets, next) = self.load_page(key).await?;
            render(&tickets, next).map(Some)
        };
        let read = |source| async move {
            match source {
                ReadFrom::Memory => self.kept.pages.get(key, load).await,
                ReadFrom::Database => Ok(load().await?.map(Arc::new)),
            }
        };
        let page = self.model.runner.progress().read(read).await?;
        page.ok_or_else(|| ReadError::Damaged("a list is nothing".to_owned()))
    }

    /// Returns a seller's tickets in any state, newest first; at most `limit` (and at most
    /// [`MAX_PAGE`]).
    ///
    /// # Errors
    /// [`ReadError::BadCursor`]; [`ReadError::Unavailable`] within 2 s.
    pub async fn by_seller(
        &self,
        seller: Uuid,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<SellerTickets, ReadError> {
        const LIST: &str = "seller";
        let limit = limit.clamp(1, MAX_PAGE);
        let mut filter = doc! { "seller": uuid(seller) };
        if let Some(cursor) = cursor {
            let [listed] = cursor::decode(LIST, cursor)?;
            filter.insert("listed", doc! { "$lt": int(listed) });
        }
        let (sort, limit_and_one) = (doc! { "listed": -1 }, i64::from(limit) + 1);
        let read = |_| async {
            // The sum first: a sale between the two is then in the list and not yet in the sum. The
            // other way round there would be money without a ticket.
            let earned = self.earned(seller).await?;
            let find = || async {
                let found = self.model.collection.find(filter.clone());
                let found = found.sort(sort.clone()).limit(limit_and_one).await?;
                found.try_collect::<Vec<_>>().await
            };
            Ok((earned, retry_after_switch(find).await?))
        };
        let (earned, mut found) = self.model.runner.progress().read(read).await?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let last = found.last().map(TicketDoc::listed).filter(|_| more);
        Ok(SellerTickets {
            tickets: found.into_iter().map(TicketDoc::into_api).collect(),
            earned,
            next: last.map(|listed| cursor::encode(LIST, &[listed])),
        })
    }

    async fn earned(&self, seller: Uuid) -> Result<Amount, ReadError> {
        let sum = || async {
            let sold = doc! { "seller": uuid(seller), "status": "sold" };
            let total = doc! { "_id": null, "cents": { "$sum": "$price" } };
            let stages = [doc! { "$match": sold }, doc! { "$group": total }];
            let mut sums = self.model.collection.aggregate(stages).await?;
            sums.try_next().await
        };
        let total = retry_after_switch(sum).await?;
        let cents = total.and_then(|total| total.get_i64("cents").ok());
        Ok(Amount::from_cents(cents.unwrap_or(0)))
    }

    async fn load(&self, id: Uuid) -> Result<Option<api::Ticket>, ReadError> {
        let found = self.model.document(id).await?;
        Ok(found.map(TicketDoc::into_api))
    }

    async fn load_page(
        &self,
        key: &PageKey,
    ) -> Result<(Vec<api::Ticket>, Option<String>), ReadError> {
        let limit = key.limit();
        let find = || async {
            self.model
                .collection
                .find(key.filter())
                .sort(key.sort())
                // One more than shown: whether there is a next page.
                .limit(i64::from(limit) + 1)
                .batch_size(limit + 1)
                .await?
                .try_collect::<Vec<_>>()
                .await
        };
        let mut found = retry_after_switch(find).await?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| more).map(|last| key.after(last));
        let tickets = found.into_iter().map(TicketDoc::into_api).collect();
        Ok((tickets, next))
    }
}

impl Invalidate for Kept {
    fn forget(&self, changed: &Changed) {
        match changed {
            Changed::Some(ids) if ids.is_empty() => {}
            Changed::Some(ids) => {
                for id in ids.iter().filter_map(DocumentId::as_uuid) {
                    self.tickets.remove(&id);
                }
                self.pages.clear();
            }
            Changed::Any => {
                self.tickets.clear();
                self.pages.clear();
            }
        }
    }
}

fn render<T: serde::Serialize>(value: &T, next: Option<String>) -> Result<CachedJson, ReadError> {
    serde_json::to_vec(value)
        .map(|bytes| CachedJson::new(bytes, next))
        .map_err(|error| ReadError::Damaged(error.to_string()))
}
