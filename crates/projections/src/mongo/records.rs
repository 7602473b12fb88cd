//! What is recorded of checkpoints, leases and rebuilds.

use async_trait::async_trait;
use eventstore::StreamName;
use futures_util::TryStreamExt;
use mongodb::{
    Collection,
    bson::{Bson, Document, doc},
    options::ReturnDocument,
};
use std::time::{Duration, Instant};
use uuid::Uuid;

use super::{
    MongoStore,
    errors::{DUPLICATE_KEY, code},
};
use crate::{
    bson_values::int,
    store::{
        Checkpoint, CheckpointChange, CheckpointStore, CollectionId, HeldLease, LeaseState,
        LeaseStore, Report, ReportStore, StoreResult,
    },
};

/// How far each projection is.
pub(crate) const CHECKPOINTS: &str = "projection_checkpoints";
/// Who may fold each projection.
pub(crate) const LEASES: &str = "projection_leases";
/// How far each rebuild is.
pub(crate) const REBUILDS: &str = "projection_rebuilds";

impl MongoStore {
    fn checkpoints_collection(&self) -> Collection<Checkpoint> {
        self.database().collection(CHECKPOINTS)
    }

    fn leases(&self) -> Collection<Document> {
        self.database().collection(LEASES)
    }

    fn reports(&self) -> Collection<Report> {
        self.database().collection(REBUILDS)
    }
}

#[async_trait]
impl CheckpointStore for MongoStore {
    async fn checkpoints(&self) -> StoreResult<Vec<Checkpoint>> {
        let find = async {
            let checkpoints = self.checkpoints_collection();
            let found = checkpoints.find(doc! {});
            found.sort(doc! { "_id": 1 }).await?.try_collect().await
        };
        self.bounded(find).await
    }

    async fn checkpoint(&self, key: &str) -> StoreResult<Option<Checkpoint>> {
        let checkpoints = self.checkpoints_collection();
        self.bounded(checkpoints.find_one(doc! { "_id": key }))
            .await
    }

    async fn put_checkpoint(&self, checkpoint: &Checkpoint) -> StoreResult<()> {
        let checkpoints = self.checkpoints_collection();
        let written = checkpoints
            .replace_one(doc! { "_id": &checkpoint.key }, checkpoint)
            .upsert(true);
        self.bounded(written).await.map(|_| ())
    }

    async fn advance_checkpoint(
        &self,
        key: &str,
        collection: &CollectionId,
        stream: StreamName,
        sequence: u64,
        commit: Uuid,
    ) -> StoreResult<()> {
        let sequence = int(sequence);
        let field = |name: &str| format!("streams.{stream}.{name}");
        let guard = doc! {
            "_id": key,
            "collection": collection.clone(),
            field("sequence"): { "$lt": sequence },
        };
        let news = doc! { "$set": {
            field("sequence"): sequence,
            field("commit"): commit.to_string(),
            "stuck": Bson::Null,
        } };
        let checkpoints = self.checkpoints_collection();
        self.bounded(checkpoints.update_one(guard, news))
            .await
            .map(|_| ())
    }

    async fn amend_checkpoint(&self, key: &str, change: CheckpointChange) -> StoreResult<()> {
        let set = match change {
            CheckpointChange::Ahead(ahead) => doc! { "ahead": ahead },
            CheckpointChange::Healing(why) => doc! { "healing": why },
            CheckpointChange::Halted(why) => doc! { "halted": why },
            CheckpointChange::Stuck(why) => doc! { "stuck": why },
        };
        let checkpoints = self.checkpoints_collection();
        let changed = checkpoints.update_one(doc! { "_id": key }, doc! { "$set": set });
        self.bounded(changed).await.map(|_| ())
    }

    async fn remove_checkpoint(&self, key: &str) -> StoreResult<()> {
        let checkpoints = self.checkpoints_collection();
        let removed = checkpoints.delete_one(doc! { "_id": key });
        self.bounded(removed).await.map(|_| ())
    }
}

#[async_trait]
impl LeaseStore for MongoStore {
    /// All times are the server's (`$$NOW`), so clocks of processes don't have to agree.
    async fn hold_lease(
        &self,
        key: &str,
        holder: Uuid,
        ttl: Duration,
    ) -> StoreResult<Option<HeldLease>> {
        let holder = holder.to_string();
        let millis = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
        // MongoDB accepts no expression in the filter of an upsert, so the update itself decides.
        let free_or_mine = doc! { "$or": [
            // Even when it is missing: nothing is less than every time.
            { "$lte": ["$expires_at", "$$NOW"] },
            { "$eq": ["$holder", &holder] },
        ] };
        let until = doc! { "$add": ["$$NOW", millis] };
        let decide = vec![
            doc! { "$set": { "taken": free_or_mine } },
            doc! { "$set": {
                "holder": { "$cond": ["$taken", &holder, "$holder"] },
                "expires_at": { "$cond": ["$taken", until, "$expires_at"] },
            } },
            doc! { "$unset": "taken" },
        ];
        let asked = Instant::now();
        let leases = self.leases();
        let taken = leases
            .find_one_and_update(doc! { "_id": key }, decide)
            .upsert(true)
            .return_document(ReturnDocument::After);
        let taken = async {
            match taken.await {
                // Another created it in the same moment.
                Err(error) if code(&error) == Some(DUPLICATE_KEY) => Ok(None),
                taken => taken,
            }
        };
        let lease = self.bounded(taken).await?;
        let mine = lease.filter(|lease| lease.get_str("holder").is_ok_and(|now| now == holder));
        Ok(mine.map(|lease| HeldLease {
            until: asked + ttl,
            rebuild: lease.get_str("rebuild").ok().map(ToOwned::to_owned),
            paused: lease.get_bool("paused").unwrap_or(false),
        }))
    }

    async fn release_lease(&self, key: &str, holder: Uuid) -> StoreResult<()> {
        let mine = doc! { "_id": key, "holder": holder.to_string() };
        let free = doc! { "$unset": { "holder": "", "expires_at": "" } };
        let leases = self.leases();
        self.bounded(leases.update_one(mine, free))
            .await
            .map(|_| ())
    }

    async fn lease(&self, key: &str) -> StoreResult<LeaseState> {
        let leases = self.leases();
        let look = [
            doc! { "$match": { "_id": key } },
            doc! { "$project": {
                "held": { "$gt": ["$expires_at", "$$NOW"] },
                "paused": 1,
            } },
        ];
        let look = async { leases.aggregate(look).await?.try_next().await };
        let lease = self.bounded(look).await?.unwrap_or_default();
        let is = |name| lease.get_bool(name).unwrap_or(false);
        Ok(LeaseState {
            held: is("held"),
            paused: is("paused"),
        })
    }

    async fn set_paused(&self, key: &str, paused: bool) -> StoreResult<()> {
        let leases = self.leases();
        let change = doc! { "$set": { "paused": paused } };
        let changed = leases.update_one(doc! { "_id": key }, change).upsert(true);
        self.bounded(changed).await.map(|_| ())
    }

    async fn ask_for_rebuild(&self, key: &str, request: &str) -> StoreResult<String> {
        let leases = self.leases();
        let ask = vec![doc! { "$set": { "rebuild": { "$ifNull": ["$rebuild", request] } } }];
        let asked = leases
            .find_one_and_update(doc! { "_id": key }, ask)
            .upsert(true)
            .return_document(ReturnDocument::After);
        let lease = self.bounded(asked).await?.unwrap_or_default();
        Ok(lease.get_str("rebuild").unwrap_or(request).to_owned())
    }

    async fn end_rebuild(&self, key: &str, request: &str) -> StoreResult<()> {
        let leases = self.leases();
        let this = doc! { "_id": key, "rebuild": request };
        let done = doc! { "$unset": { "rebuild": "" } };
        self.bounded(leases.update_one(this, done))
            .await
            .map(|_| ())
    }

    async fn remove_lease(&self, key: &str) -> StoreResult<()> {
        let leases = self.leases();
        let removed = leases.delete_one(doc! { "_id": key });
        self.bounded(removed).await.map(|_| ())
    }
}

#[async_trait]
impl ReportStore for MongoStore {
    async fn report(&self, key: &str) -> StoreResult<Option<Report>> {
        let reports = self.reports();
        self.bounded(reports.find_one(doc! { "_id": key })).await
    }

    async fn put_report(&self, report: &Report) -> StoreResult<()> {
        let reports = self.reports();
        let written = reports
            .replace_one(doc! { "_id": &report.key }, report)
            .upsert(true);
        self.bounded(written).await.map(|_| ())
    }

    async fn remove_report(&self, key: &str) -> StoreResult<()> {
        let reports = self.reports();
        let removed = reports.delete_one(doc! { "_id": key });
        self.bounded(removed).await.map(|_| ())
    }
}
