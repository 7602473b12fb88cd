//! How far another service's read model is, for those who may not read it.

use eventstore::Log;
use futures_util::StreamExt;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::{
    Projection,
    announce::Announcement,
    confirm::{Answer, Question, asked, subscribe, told},
    runner::topic,
};

/// Pause before subscribing again.
const PAUSE: Duration = Duration::from_millis(200);

/// How often the one who folds is asked while somebody waits.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Hears how far a read model is that another service keeps, and asks while somebody waits. Reads
/// nothing and folds nothing.
pub struct RemoteProgress {
    log: Log,
    topic: String,
    id: Uuid,
    applied: watch::Receiver<u64>,
    _listeners: [AbortOnDropHandle<()>; 2],
}

impl RemoteProgress {
    /// Begins to listen for a projection whose documents are in the database of this name.
    pub fn listen<P: Projection>(projection: &P, log: &Log, database: &str) -> Self {
        let topic = topic(database, &projection.key());
        let (applied, seen) = watch::channel(0);
        let applied = Arc::new(applied);
        let listen = |topic: String, hear: fn(&[u8], &watch::Sender<u64>)| {
            let (log, applied) = (log.clone(), Arc::clone(&applied));
            AbortOnDropHandle::new(tokio::spawn(async move {
                loop {
                    let mut messages = Box::pin(subscribe(&log, &topic).await);
                    while let Some(bytes) = messages.next().await {
                        hear(&bytes, &applied);
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }))
        };
        Self {
            _listeners: [
                listen(topic.clone(), hear),
                listen(told(&topic), hear_answer),
            ],
            log: log.clone(),
            topic,
            id: Uuid::new_v4(),
            applied: seen,
        }
    }

    /// Waits until a commit is applied; `false` if that isn't heard within `timeout`.
    pub async fn wait_for(&self, sequence: u64, timeout: Duration) -> bool {
        let mut applied = self.applied.clone();
        let heard = async {
            loop {
                let news = applied.wait_for(|applied| *applied >= sequence);
                if let Ok(news) = tokio::time::timeout(ASK_EVERY, news).await {
                    return news.is_ok();
                }
                // It may have been applied before this process began to listen.
                self.ask().await;
            }
        };
        tokio::time::timeout(timeout, heard).await.unwrap_or(false)
    }

    /// Tells everybody who answers from the read model that a commit was acknowledged: their reads
    /// wait for it from now on.
    pub async fn raise_floor(&self, sequence: u64) {
        let floor = Announcement::Floor {
            holder: self.id,
            sequence,
        };
        // Who can't be told can't be asked either: nobody reads without NATS.
        let _ = self.log.announce(&self.topic, floor.encode()).await;
    }

    async fn ask(&self) {
        let question = Question {
            from: self.id,
            number: 0,
        };
        if let Ok(question) = serde_json::to_vec(&question) {
            // Not being able to ask ends as not being told does.
            let _ = self.log.announce(&asked(&self.topic), question).await;
        }
    }
}

/// The answer to whoever asked is as good for us.
fn hear_answer(bytes: &[u8], applied: &watch::Sender<u64>) {
    if let Ok(answer) = serde_json::from_slice::<Answer>(bytes) {
        advance(answer.applied, applied);
    }
}

fn advance(to: u64, applied: &watch::Sender<u64>) {
    applied.send_if_modified(|known| {
        let news = to > *known;
        *known = to.max(*known);
        news
    });
}

fn hear(bytes: &[u8], applied: &watch::Sender<u64>) {
    match Announcement::decode(bytes) {
        Some(Announcement::Applied { to, .. }) => advance(to, applied),
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
