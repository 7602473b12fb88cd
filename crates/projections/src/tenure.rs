//! Keeping the lease.

use mongodb::bson::Binary;
use std::time::Instant;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Projection, ReadStore,
    error::Trouble,
    lease::{Held, Lease},
    runner::Machine,
    write::Target,
};

/// What is known of the lease while it is held.
#[derive(Clone, Debug)]
pub(crate) enum Tenure {
    /// It is ours.
    Held {
        held: Held,
        /// The collection that was there a moment ago. It is compared by whoever writes, and not
        /// here: a rebuild of our own may have put another in its place since.
        collection: Option<Binary>,
    },
    /// It ran out, or another has it.
    Lost,
}

impl<P: Projection> Machine<P> {
    /// Keeps the lease, and looks which collection is there.
    pub(crate) fn renew(
        &self,
        held: &Held,
        target: &Target,
    ) -> (watch::Receiver<Tenure>, AbortOnDropHandle<()>) {
        let (news, tenure) = watch::channel(Tenure::Held {
            held: held.clone(),
            collection: Some(target.uuid.clone()),
        });
        let (store, name) = (target.store.clone(), target.name.clone());
        let (lease, every) = (self.lease.clone(), self.settings.renew);
        let mut until = held.until;
        let renewing = tokio::spawn(async move {
            while Instant::now() < until {
                tokio::time::sleep(every).await;
                match check(&lease, &store, &name).await {
                    Ok(Tenure::Held { held, collection }) => {
                        until = held.until;
                        news.send_replace(Tenure::Held { held, collection });
                    }
                    Ok(Tenure::Lost) => break,
                    // It is still ours for a while; whoever writes will notice what is wrong.
                    Err(trouble) => tracing::debug!(%trouble, "could not renew a lease"),
                }
            }
            news.send_replace(Tenure::Lost);
        });
        (tenure, AbortOnDropHandle::new(renewing))
    }
}

async fn check(lease: &Lease, store: &ReadStore, name: &str) -> Result<Tenure, Trouble> {
    let Some(held) = lease.hold().await? else {
        return Ok(Tenure::Lost);
    };
    let collection = store.collection_uuid(name).await?;
    Ok(Tenure::Held { held, collection })
}
