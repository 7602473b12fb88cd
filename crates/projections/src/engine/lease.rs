//! The lease in MongoDB: at most one process folds a projection.
//!
//! The lease only saves work and lets one process report progress. Correctness doesn't depend on
//! it: two leaders at once would write the same documents, and the guard in each keeps the newest.
//! All times are the server's (`$$NOW`), so the clocks of processes don't have to agree.

use mongodb::{
    Collection,
    bson::{Document, doc},
    options::ReturnDocument,
};
use std::time::{Duration, Instant};
use uuid::Uuid;

use crate::{
    ReadStore,
    error::RunnerError,
    store::{DUPLICATE_KEY, code},
};

pub(crate) const COLLECTION: &str = "projection_leases";

/// The lease of one projection, as one process sees it.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    store: ReadStore,
    collection: Collection<Document>,
    key: String,
    holder: Uuid,
    ttl: Duration,
}

/// A lease that is held.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// Its end, by this process's clock. Counted from before the request was sent, so it ends
    /// before the server lets another process take it.
    pub until: Instant,
    /// The requested rebuild.
    pub rebuild: Option<String>,
    /// Whether folding is paused.
    pub paused: bool,
}

impl Lease {
    pub fn new(store: &ReadStore, key: String, holder: Uuid, ttl: Duration) -> Self {
        Self {
            store: store.clone(),
            collection: store.database().collection(COLLECTION),
            key,
            holder,
            ttl,
        }
    }

    /// Takes the lease if it is free, or renews it; `None` when another holds it.
    pub async fn hold(&self) -> Result<Option<Held>, RunnerError> {
        let holder = self.holder.to_string();
        let ttl = i64::try_from(self.ttl.as_millis()).unwrap_or(i64::MAX);
        // MongoDB accepts no expression in the filter of an upsert, so the update itself decides.
        let free_or_mine = doc! { "$or": [
            // Even when it is missing: nothing is less than every time.
            { "$lte": ["$expires_at", "$$NOW"] },
            { "$eq": ["$holder", &holder] },
        ] };
        let until = doc! { "$add": ["$$NOW", ttl] };
        let decide = vec![
            doc! { "$set": { "taken": free_or_mine } },
            doc! { "$set": {
                "holder": { "$cond": ["$taken", &holder, "$holder"] },
                "expires_at": { "$cond": ["$taken", until, "$expires_at"] },
            } },
            doc! { "$unset": "taken" },
        ];
        let asked = Instant::now();
        let taken = self
            .collection
            .find_one_and_update(doc! { "_id": &self.key }, decide)
            .upsert(true)
            .return_document(ReturnDocument::After);
        match self.store.bounded(taken).await {
            Ok(Some(lease)) if lease.get_str("holder").is_ok_and(|now| now == holder) => {
                Ok(Some(Held {
                    until: asked + self.ttl,
                    rebuild: lease.get_str("rebuild").ok().map(ToOwned::to_owned),
                    paused: lease.get_bool("paused").unwrap_or(false),
                }))
            }
            Ok(_) => Ok(None),
            // Another process created it at the same moment.
            Err(RunnerError::Mongo(error)) if code(&error) == Some(DUPLICATE_KEY) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Releases the lease, so that another process takes over at once.
    pub async fn release(&self) -> Result<(), RunnerError> {
        let mine = doc! { "_id": &self.key, "holder": self.holder.to_string() };
        let free = doc! { "$unset": { "holder": "", "expires_at": "" } };
        self.store
            .bounded(self.collection.update_one(mine, free))
            .await
            .map(|_| ())
    }

    /// Whether any process holds a lease.
    pub async fn is_held(store: &ReadStore, key: &str) -> Result<bool, RunnerError> {
        let leases: Collection<Document> = store.database().collection(COLLECTION);
        let held = doc! { "_id": key, "$expr": { "$gt": ["$expires_at", "$$NOW"] } };
        let found = store.bounded(leases.find_one(held)).await?;
        Ok(found.is_some())
    }

    /// Deletes the record of a lease.
    pub async fn remove(store: &ReadStore, key: &str) -> Result<(), RunnerError> {
        let leases: Collection<Document> = store.database().collection(COLLECTION);
        let removed = leases.delete_one(doc! { "_id": key });
        store.bounded(removed).await.map(|_| ())
    }

    /// Asks the current or next holder of the lease for a rebuild. Returns the valid request: an
    /// earlier one that hasn't ended, if there is one.
    pub async fn ask_for_rebuild(
        store: &ReadStore,
        key: &str,
        request: &str,
    ) -> Result<String, RunnerError> {
        let leases: Collection<Document> = store.database().collection(COLLECTION);
        let ask = vec![doc! { "$set": { "rebuild": { "$ifNull": ["$rebuild", request] } } }];
        let asked = leases
            .find_one_and_update(doc! { "_id": key }, ask)
            .upsert(true)
            .return_document(ReturnDocument::After);
        let lease = store.bounded(asked).await?.unwrap_or_default();
        Ok(lease.get_str("rebuild").unwrap_or(request).to_owned())
    }

    /// Pauses or resumes folding, for the current or next holder of the lease.
    pub async fn set_paused(store: &ReadStore, key: &str, paused: bool) -> Result<(), RunnerError> {
        let leases: Collection<Document> = store.database().collection(COLLECTION);
        let change = doc! { "$set": { "paused": paused } };
        let changed = leases.update_one(doc! { "_id": key }, change).upsert(true);
        store.bounded(changed).await.map(|_| ())
    }

    /// Whether folding is paused.
    pub async fn is_paused(store: &ReadStore, key: &str) -> Result<bool, RunnerError> {
        let leases: Collection<Document> = store.database().collection(COLLECTION);
        let lease = store.bounded(leases.find_one(doc! { "_id": key })).await?;
        Ok(lease.is_some_and(|lease| lease.get_bool("paused").unwrap_or(false)))
    }

    /// Records that a rebuild ended.
    pub async fn rebuild_ended(&self, request: &str) -> Result<(), RunnerError> {
        let this = doc! { "_id": &self.key, "rebuild": request };
        let done = doc! { "$unset": { "rebuild": "" } };
        self.store
            .bounded(self.collection.update_one(this, done))
            .await
            .map(|_| ())
    }
}
