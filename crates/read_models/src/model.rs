//! What every read model consists of: a runner, and the collection that it fills.

use eventstore::{Log, StoreError};
use projections::{
    MongoStore, Projection, ReadError, Runner, RunnerSettings,
    bson_values::uuid,
    mongodb::{Collection, bson::doc},
    retry_after_switch,
};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use uuid::Uuid;

/// A read model with documents of one type. Clones share its runner.
#[derive(Clone)]
pub(crate) struct Model<D: Send + Sync> {
    pub log: Log,
    pub collection: Collection<D>,
    pub runner: Arc<Runner>,
}

impl<D: DeserializeOwned + Send + Sync> Model<D> {
    /// Starts to keep it up to date.
    pub async fn start<P: Projection>(
        projection: P,
        log: &Log,
        store: &MongoStore,
        settings: RunnerSettings,
    ) -> Result<Self, StoreError> {
        let collection = store.database().collection(&projection.key());
        let runner = Runner::start(projection, log, store, settings).await?;
        Ok(Self {
            log: log.clone(),
            collection,
            runner: Arc::new(runner),
        })
    }

    /// The document with this ID, as it is now.
    pub async fn document(&self, id: Uuid) -> Result<Option<D>, ReadError> {
        let find = || async { self.collection.find_one(doc! { "_id": uuid(id) }).await };
        Ok(retry_after_switch(find).await?)
    }
}
