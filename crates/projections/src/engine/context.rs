//! The state that the parts of a runner share.

use chrono::{DateTime, Utc};
use eventstore::{Log, StoreError, StreamName};
use futures_util::future::try_join_all;
use std::sync::Arc;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    Position, Progress, Projection, ReadStore, RunnerSettings, RunnerState,
    engine::{
        announce::Announcement, gauges::Gauges, lease::Lease, version_message::VersionMessage,
    },
    store::Origin,
};

/// Streams, and when each was created.
pub(crate) type CreatedStreams = Vec<(StreamName, DateTime<Utc>)>;

/// The state that the parts of a runner share.
pub(crate) struct ProjectionContext<P> {
    pub projection: Arc<P>,
    pub key: String,
    /// The streams that it folds.
    pub streams: Vec<StreamName>,
    pub topic: String,
    /// The topic of all versions.
    pub version_topic: String,
    pub log: Log,
    pub store: Arc<dyn ReadStore>,
    pub lease: Lease,
    pub holder: Uuid,
    pub progress: Progress,
    pub settings: RunnerSettings,
    pub state: watch::Sender<RunnerState>,
    pub stop: CancellationToken,
    /// Another process released the lease.
    pub freed: Notify,
    /// The checkpoint is to be read.
    pub look: Notify,
    pub gauges: Gauges,
}

impl<P: Projection> ProjectionContext<P> {
    /// Stops showing documents, here and elsewhere, until they were compared with the log.
    pub async fn doubt(&self, why: &str) {
        self.progress.heals();
        self.log.tails().doubt();
        self.set_state(RunnerState::Healing {
            why: why.to_owned(),
        });
        let holder = self.holder;
        self.announce(&Announcement::Healing { holder }).await;
    }

    /// When each stream was created: its identity.
    pub async fn created(&self) -> Result<CreatedStreams, StoreError> {
        let streams = self.log.streams();
        let created = self.streams.iter().map(async |stream| {
            let created = streams.created(*stream).await?;
            Ok::<_, StoreError>((*stream, created))
        });
        try_join_all(created).await
    }

    /// What the documents record of a commit that changed them.
    pub fn origin(&self, stream: StreamName, sequence: u64) -> Origin {
        Origin::of(&self.streams, stream, sequence)
    }

    pub fn set_state(&self, state: RunnerState) {
        self.gauges.state(&state);
        self.state.send_if_modified(|now| {
            let news = *now != state;
            *now = state;
            news
        });
    }

    pub async fn announce(&self, announcement: &Announcement) {
        match announcement.encode() {
            Ok(message) => {
                // Others look at the checkpoint about once a second.
                if let Err(error) = self.log.pubsub().broadcast(&self.topic, message).await {
                    tracing::debug!(projection = self.key, %error, "an announcement was not sent");
                }
            }
            Err(error) => {
                tracing::error!(projection = self.key, %error, "an announcement can't be written down");
            }
        }
        if let Some(applied) = announcement.applied() {
            self.send_applied(applied.clone()).await;
        }
    }

    /// Announces how far this version is.
    pub async fn send_applied(&self, applied: Position) {
        let version = self.projection.version();
        let news = VersionMessage::Applied { version, applied };
        news.send(&self.log, &self.version_topic).await;
    }
}
