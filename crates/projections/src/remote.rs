//! How far another service's read model is, for those who may not read it.

use eventstore::Log;
use futures_util::StreamExt;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::{Projection, announce::Announcement, runner::topic};

/// Pause before subscribing again.
const PAUSE: Duration = Duration::from_millis(200);

/// Hears how far a read model is that another service keeps. Reads nothing and folds nothing.
///
/// It knows what was announced since it began to listen, so it can wait for a commit that is still
/// to come, and not for one that was applied long ago.
pub struct RemoteProgress {
    applied: watch::Receiver<u64>,
    _listener: AbortOnDropHandle<()>,
}

impl RemoteProgress {
    /// Begins to listen for a projection whose documents are in the database of this name.
    pub fn listen<P: Projection>(projection: &P, log: &Log, database: &str) -> Self {
        let topic = topic(database, &projection.key());
        let (applied, seen) = watch::channel(0);
        let log = log.clone();
        let listener = tokio::spawn(async move {
            loop {
                if let Ok(mut announcements) = log.announcements(&topic).await {
                    while let Some(bytes) = announcements.next().await {
                        hear(&bytes, &applied);
                    }
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
        Self {
            applied: seen,
            _listener: AbortOnDropHandle::new(listener),
        }
    }

    /// Waits until a commit is applied; `false` if that isn't heard within `timeout`.
    pub async fn wait_for(&self, sequence: u64, timeout: Duration) -> bool {
        let mut applied = self.applied.clone();
        tokio::time::timeout(timeout, applied.wait_for(|applied| *applied >= sequence))
            .await
            .is_ok_and(|waited| waited.is_ok())
    }
}

fn hear(bytes: &[u8], applied: &watch::Sender<u64>) {
    match Announcement::decode(bytes) {
        Some(Announcement::Applied { to, .. }) => {
            applied.send_if_modified(|known| {
                let news = to > *known;
                *known = to.max(*known);
                news
            });
        }
        // It may have gone back.
        Some(
            Announcement::Restarted { applied: to, .. }
            | Announcement::Replaced { applied: to, .. },
        ) => {
            applied.send_replace(to);
        }
        Some(Announcement::Floor { .. } | Announcement::Released { .. }) | None => {}
    }
}
