//! The collection that is written to.

use std::sync::Arc;

use crate::{
    error::RunnerError,
    store::{Batch, CollectionId, Origin, ReadStore},
};

/// The collection that is written to.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub store: Arc<dyn ReadStore>,
    pub name: String,
    pub uuid: CollectionId,
}

impl Target {
    /// Writes a batch. When it returns, every document reflects at least the commits of the batch.
    pub async fn write(&self, batch: Batch) -> Result<(), RunnerError> {
        Ok(self.store.write(&self.name, &self.uuid, batch).await?)
    }

    /// Removes the tombstones of deleted documents, up to a commit. Only for a collection to which no
    /// other process can still write older commits; see [`Change::Delete`](crate::Change::Delete).
    pub async fn purge(&self, up_to: Origin) -> Result<(), RunnerError> {
        Ok(self.store.purge(&self.name, &self.uuid, up_to).await?)
    }
}
