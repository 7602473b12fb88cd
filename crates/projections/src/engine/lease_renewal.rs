//! Renews the lease.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    engine::{lease::Lease, target::Target},
    error::RunnerError,
    store::{CollectionId, HeldLease, ReadStore},
};

/// The state of the lease during a term.
#[derive(Clone, Debug)]
pub(crate) enum LeaseStatus {
    /// This process holds it.
    Held {
        held: HeldLease,
        /// The collection that existed a moment ago. The writer compares it, and not this task:
        /// this process's own rebuild may have replaced it since.
        collection: Option<CollectionId>,
    },
    /// It expired, or another process has it.
    Lost,
}

/// Renews the lease, and checks which collection exists.
pub(crate) fn renew(
    lease: &Lease,
    every: Duration,
    held: &HeldLease,
    target: &Target,
) -> (watch::Receiver<LeaseStatus>, AbortOnDropHandle<()>) {
    let (news, lease_status) = watch::channel(LeaseStatus::Held {
        held: held.clone(),
        collection: Some(target.uuid.clone()),
    });
    let (store, name) = (target.store.clone(), target.name.clone());
    let lease = lease.clone();
    let mut until = held.until;
    let renewing = tokio::spawn(async move {
        while Instant::now() < until {
            tokio::time::sleep(every).await;
            match check(&lease, &store, &name).await {
                Ok(LeaseStatus::Held { held, collection }) => {
                    until = held.until;
                    news.send_replace(LeaseStatus::Held { held, collection });
                }
                Ok(LeaseStatus::Lost) => break,
                // It is valid for a while longer; the writer will notice any fault.
                Err(failure) => tracing::debug!(%failure, "could not renew a lease"),
            }
        }
        news.send_replace(LeaseStatus::Lost);
    });
    (lease_status, AbortOnDropHandle::new(renewing))
}

async fn check(
    lease: &Lease,
    store: &Arc<dyn ReadStore>,
    name: &str,
) -> Result<LeaseStatus, RunnerError> {
    let Some(held) = lease.hold().await? else {
        return Ok(LeaseStatus::Lost);
    };
    let collection = store.collection_id(name).await?;
    Ok(LeaseStatus::Held { held, collection })
}
