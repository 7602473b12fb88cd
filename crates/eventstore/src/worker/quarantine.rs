//! Messages that may crash the process that handles them.
//!
//! The server counts deliveries, and most of them prove nothing about the message: it was given
//! back because something was down or a process stopped, or another message crashed the process
//! that had this one in hand. So a message that was delivered often is only a suspect. It is tried
//! in quarantine, while nothing else is in progress in this process, and a record in the log states
//! that: a trial that began and was never survived crashed its process, and this message was the
//! cause. Counting deliveries alone was rejected: restarts made dead letters of good messages.

use serde::{Deserialize, Serialize};
use std::{future::Future, time::Duration};
use tokio::{
    sync::{Mutex, RwLock, RwLockReadGuard},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    attempt::Attempt,
    delivery::{Delivery, InboundMessage},
    lanes::Lanes,
    subscription::HandlerError,
};
use crate::{
    DeadLetters, StoreError, connection::Connection, read::Messages, stream_name::DEADLETTERS,
};

/// A message that was delivered more often than this is quarantined.
pub(super) const SUSPECT_AFTER: i64 = 20;
/// A message that crashed its process in this many trials is set aside.
const FATAL_TRIALS: u32 = 3;
/// How long a suspect runs without others. A message that crashes the process usually does so soon,
/// and others must not wait for a timeout.
const ALONE_FOR: Duration = Duration::from_secs(1);
/// Pause before a request to the log is repeated.
const PAUSE: Duration = Duration::from_secs(2);

/// All workers of a process share its fate, so they share these locks: a try of a message holds
/// this one for reading, and a trial of a suspect for writing.
static AT_WORK: RwLock<()> = RwLock::const_new(());
/// One trial at a time.
static TRIALS: Mutex<()> = Mutex::const_new(());

/// Waits until no trial runs, and keeps the next one waiting.
pub(super) async fn alongside_others() -> RwLockReadGuard<'static, ()> {
    AT_WORK.read().await
}

/// Number of trials of a message since it was last survived.
#[derive(Serialize, Deserialize)]
struct Trials {
    begun: u32,
}

/// A trial of a message that may crash the process.
pub(super) struct Trial<'a> {
    pub connection: &'a Connection,
    pub lanes: &'a Lanes,
    pub stopping: &'a CancellationToken,
    /// Name of the subscription.
    pub subscription: &'a str,
}

impl Trial<'_> {
    /// Tries a message that may crash the process once, or not at all if the subscription stops
    /// first.
    pub async fn run(
        &self,
        delivery: &Delivery,
        message: &InboundMessage,
        handled: impl Future<Output = Result<(), HandlerError>>,
    ) -> Result<Option<Result<(), HandlerError>>, Attempt> {
        let turn = match TRIALS.try_lock() {
            Ok(turn) => turn,
            // A hand full of suspects would keep out all other messages.
            Err(_) if self.lanes.is_crowded() => return Err(Attempt::Park),
            Err(_) => tokio::select! {
                () = self.stopping.cancelled() => return Ok(None),
                turn = TRIALS.lock() => turn,
            },
        };
        let key = self.key_of_trial(message);
        let Ok(begun) = self.trials(&key).await else {
            return Err(Attempt::Later(PAUSE));
        };
        if begun >= FATAL_TRIALS {
            let error = format!("ended the process that handled it, {begun} times");
            return Err(Attempt::Dead {
                tries: begun,
                error,
            });
        }
        let alone = tokio::select! {
            () = self.stopping.cancelled() => return Ok(None),
            alone = AT_WORK.write() => alone,
        };
        let noted = self.note_trials(&key, begun + 1).await;
        if noted.is_err() {
            return Err(Attempt::Later(PAUSE));
        }
        let start = Instant::now();
        let mut trying = Box::pin(handled);
        let outcome = match timeout(ALONE_FOR, &mut trying).await {
            Ok(outcome) => {
                drop(alone);
                outcome
            }
            Err(_long) => {
                let _beside_others = alone.downgrade();
                trying.await
            }
        };
        self.lanes.outlived(delivery);
        self.note_survived(&key).await;
        // Messages that are no suspects have at least half of the time.
        let pause = start.elapsed().min(ALONE_FOR);
        tokio::select! {
            () = self.stopping.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
        drop(turn);
        Ok(Some(outcome))
    }

    /// Records that the process survived, and retries until that is stored: otherwise an outage of
    /// the log would be taken for a crash of the process.
    async fn note_survived(&self, key: &str) {
        while self.note_trials(key, 0).await.is_err() {
            tokio::select! {
                () = self.stopping.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    fn key_of_trial(&self, message: &InboundMessage) -> String {
        let name = self.subscription;
        format!("trial.{name}.{}-{}", message.stream, message.sequence)
    }

    async fn trials(&self, key: &str) -> Result<u32, StoreError> {
        let message = Messages::of(self.connection).last(DEADLETTERS, key).await?;
        let trials = message.and_then(|it| serde_json::from_slice::<Trials>(&it.payload).ok());
        Ok(trials.map_or(0, |trials| trials.begun))
    }

    async fn note_trials(&self, key: &str, begun: u32) -> Result<(), StoreError> {
        let record = DeadLetters::new(self.connection.clone());
        record.put(key, &Trials { begun }).await
    }
}
