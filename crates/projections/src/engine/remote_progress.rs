//! The progress of another service's read model, for processes that may not read it.

use eventstore::{Log, StreamName};
use futures_util::StreamExt;
use std::{collections::BTreeMap, time::Duration};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Position, Projection,
    engine::{
        channel::{subscribe, topic},
        version_message::VersionMessage,
    },
};

/// Pause before subscribing again.
const PAUSE: Duration = Duration::from_millis(200);

/// Interval at which the leader is asked while a caller waits.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Time limit for a floor to come back from the server. Longer is an outage, in which no read
/// succeeds either.
const ECHO: Duration = Duration::from_millis(500);

/// Follows the progress of a read model that another service maintains, and asks while a caller
/// waits. Reads nothing and folds nothing.
///
/// It listens to all versions of the projection. Listening to the one that this release has was
/// rejected: while only one of the two services is of the new release, that version may not be
/// folded at all.
pub struct RemoteProgress {
    log: Log,
    topic: String,
    /// The position of each version.
    applied: watch::Receiver<BTreeMap<u32, Position>>,
    /// The highest floors from any process that came through the server.
    floor: watch::Receiver<Position>,
    _listener: AbortOnDropHandle<()>,
}

impl RemoteProgress {
    /// Begins to listen for a projection, in any version, whose documents are in the database of
    /// this name.
    pub fn listen<P: Projection>(projection: &P, log: &Log, database: &str) -> Self {
        let topic = topic(database, projection.name());
        let (applied, seen) = watch::channel(BTreeMap::new());
        let (floors, floor) = watch::channel(Position::default());
        let listener = {
            let (log, topic) = (log.clone(), topic.clone());
            tokio::spawn(async move {
                loop {
                    let mut messages = Box::pin(subscribe(&log, &topic).await);
                    while let Some(bytes) = messages.next().await {
                        // The last message counts: the leader may have gone back.
                        match VersionMessage::decode(&bytes) {
                            Some(VersionMessage::Applied {
                                version,
                                applied: to,
                            }) => applied.send_modify(|known: &mut BTreeMap<_, _>| {
                                known.insert(version, to);
                            }),
                            Some(VersionMessage::Floor { at }) => {
                                floors.send_modify(|floor| floor.merge(&at));
                            }
                            _ => {}
                        }
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            })
        };
        Self {
            log: log.clone(),
            topic,
            applied: seen,
            floor,
            _listener: AbortOnDropHandle::new(listener),
        }
    }

    /// Waits until a commit is applied; `false` if that isn't announced within `timeout`.
    ///
    /// Of several versions that are folded in parallel, one is enough: the others follow within a
    /// moment, and one that is no longer folded never would.
    pub async fn wait_for(&self, stream: StreamName, sequence: u64, timeout: Duration) -> bool {
        let mut applied = self.applied.clone();
        let heard = async {
            loop {
                let news = applied
                    .wait_for(|known| known.values().any(|applied| applied.of(stream) >= sequence));
                if let Ok(news) = tokio::time::timeout(ASK_EVERY, news).await {
                    return news.is_ok();
                }
                // It may have been applied before this process began to listen.
                VersionMessage::Asked.send(&self.log, &self.topic).await;
            }
        };
        tokio::time::timeout(timeout, heard).await.unwrap_or(false)
    }

    /// Tells all processes that answer from any version of the read model that a commit was
    /// acknowledged: their reads wait for it from now on. Returns when the message came back from
    /// the server, which has then sent it to all of them, too: a client that gets its response
    /// after that may ask any of them.
    pub async fn require_globally(&self, stream: StreamName, sequence: u64) {
        // A process that doesn't receive it doesn't answer reads either: without NATS no read
        // succeeds.
        let at = Position::at(stream, sequence);
        let floor = VersionMessage::Floor { at };
        floor.send(&self.log, &self.topic).await;
        let mut floors = self.floor.clone();
        let came_back = floors.wait_for(|floor| floor.of(stream) >= sequence);
        let _ = tokio::time::timeout(ECHO, came_back).await;
    }
}
