//! Keeping the lease.

use std::time::Instant;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Projection,
    error::Trouble,
    lease::{Held, Lease},
    runner::Machine,
    write::Target,
};

/// What is known of the lease while it is held.
#[derive(Clone, Debug)]
pub(crate) enum Tenure {
    /// It is ours.
    Held(Held),
    /// It ran out, or another has it.
    Lost,
    /// The collection isn't the one that we fill.
    Replaced,
}

impl<P: Projection> Machine<P> {
    /// Keeps the lease, and looks whether the collection is still the one that we fill.
    pub(crate) fn renew(
        &self,
        held: &Held,
        target: Target,
    ) -> (watch::Receiver<Tenure>, AbortOnDropHandle<()>) {
        let (news, tenure) = watch::channel(Tenure::Held(held.clone()));
        let (lease, every) = (self.lease.clone(), self.settings.renew);
        let mut until = held.until;
        let renewing = tokio::spawn(async move {
            while Instant::now() < until {
                tokio::time::sleep(every).await;
                match check(&lease, &target).await {
                    Ok(now) => {
                        let last = !matches!(now, Tenure::Held(_));
                        if let Tenure::Held(held) = &now {
                            until = held.until;
                        }
                        news.send_replace(now);
                        if last {
                            return;
                        }
                    }
                    // It is still ours for a while; whoever writes will notice what is wrong.
                    Err(trouble) => tracing::debug!(%trouble, "could not renew a lease"),
                }
            }
            news.send_replace(Tenure::Lost);
        });
        (tenure, AbortOnDropHandle::new(renewing))
    }
}

async fn check(lease: &Lease, target: &Target) -> Result<Tenure, Trouble> {
    let Some(held) = lease.hold().await? else {
        return Ok(Tenure::Lost);
    };
    match target.store.collection_uuid(&target.name).await? {
        Some(uuid) if uuid == target.uuid => Ok(Tenure::Held(held)),
        _ => Ok(Tenure::Replaced),
    }
}
