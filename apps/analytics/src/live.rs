//! Live figures.
//!
//! All viewers receive the same bytes, and only the newest: a slow one skips those in between and
//! delays no other.

use actix_web::HttpRequest;
use api::analytics::ANALYTICS_EVENT;
use bytes::Bytes;
use domain::UserId;
use eventstore::StoreError;
use futures_util::{Stream, stream};
use httpkit::{
    MaybeSession, Session,
    sse::{HEARTBEAT, append, heartbeat},
};
use std::time::Duration;
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, sleep_until, timeout},
};

use crate::{
    access::Analysts,
    follower::{POLL_INTERVAL, RenderedFigures},
};

/// Interval at which a viewer is checked while nothing is sent.
const CHECK: Duration = Duration::from_secs(3);

/// A viewer, who may watch as long as role and session last.
pub(crate) struct Viewer {
    pub session: Session,
    /// The request with the session. Its cookie is verified again each time: the session ends when
    /// it expires, or its key is retired.
    pub req: HttpRequest,
    pub analysts: Analysts,
    pub _place: OwnedSemaphorePermit,
}

impl Viewer {
    /// Whether it may still see the figures.
    async fn may_see(&self) -> Result<bool, StoreError> {
        let user = self.session.user_id();
        let session = MaybeSession::of(&self.req).0;
        if session.is_none_or(|session| session.user_id() != user) {
            return Ok(false);
        }
        self.analysts.include(UserId(user)).await
    }
}

struct Watching {
    viewer: Viewer,
    snapshots: watch::Receiver<Option<RenderedFigures>>,
    /// When data was last sent.
    heard: Instant,
    /// When figures may be sent again.
    next: Instant,
}

/// Sends the current figures, then the newest whenever they change.
pub(crate) fn watch(
    viewer: Viewer,
    mut snapshots: watch::Receiver<Option<RenderedFigures>>,
) -> impl Stream<Item = Bytes> {
    // The existing figures are new to this viewer.
    snapshots.mark_changed();
    let watching = Watching {
        viewer,
        snapshots,
        heard: Instant::now(),
        next: Instant::now(),
    };
    stream::unfold(watching, |mut watching| async move {
        let chunk = watching.next().await?;
        watching.heard = Instant::now();
        Some((chunk, watching))
    })
}

impl Watching {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            // An error means that the service is stopping.
            let changed = match timeout(CHECK, self.snapshots.changed()).await {
                Ok(changed) => changed.map(|()| true).ok()?,
                Err(_elapsed) => false,
            };
            if changed {
                sleep_until(self.next).await;
            }
            match self.viewer.may_see().await {
                Ok(true) => {
                    let news = self.snapshots.borrow_and_update().clone();
                    if let Some(snapshot) = news.filter(|_| changed) {
                        let mut chunk = Vec::with_capacity(snapshot.json.len() + 64);
                        append(&mut chunk, ANALYTICS_EVENT, &snapshot.json);
                        self.next = Instant::now() + POLL_INTERVAL;
                        return Some(chunk.into());
                    }
                }
                Ok(false) => return None,
                // The roles can't be read now, so nothing is shown.
                Err(error) => {
                    tracing::debug!(%error, "could not look for a viewer's role");
                    if changed {
                        self.snapshots.mark_changed();
                    }
                }
            }
            if self.heard.elapsed() >= HEARTBEAT {
                return Some(heartbeat());
            }
        }
    }
}
