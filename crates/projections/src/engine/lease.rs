//! The lease in MongoDB: at most one process folds a projection.
//!
//! The lease only saves work and lets one process report progress. Correctness doesn't depend on
//! it: two leaders at once would write the same documents, and the guard in each keeps the newest.
//! All times are the server's (`$$NOW`), so the clocks of processes don't have to agree.

use std::{sync::Arc, time::Duration};
use uuid::Uuid;

use crate::{
    error::RunnerError,
    store::{HeldLease, ReadStore},
};

/// The lease of one projection, as one process sees it.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pub store: Arc<dyn ReadStore>,
    pub key: String,
    pub holder: Uuid,
    pub ttl: Duration,
}

impl Lease {
    /// Takes the lease if it is free, or renews it; `None` when another holds it.
    pub async fn hold(&self) -> Result<Option<HeldLease>, RunnerError> {
        Ok(self
            .store
            .hold_lease(&self.key, self.holder, self.ttl)
            .await?)
    }

    /// Releases the lease, so that another process takes over at once.
    pub async fn release(&self) -> Result<(), RunnerError> {
        Ok(self.store.release_lease(&self.key, self.holder).await?)
    }

    /// Records that a rebuild ended.
    pub async fn rebuild_ended(&self, request: &str) -> Result<(), RunnerError> {
        Ok(self.store.end_rebuild(&self.key, request).await?)
    }
}
