//! A provider that moves no money: for trials, and for tests.
//!
//! It behaves like Stripe in test mode: the same test tokens, the same messages for declined cards,
//! one hold per intent. It stores its intents in its own file, not in the event log: as with a real
//! provider, the two can differ after a crash, and `reconcile` shows it.
//!
//! Tokens of its own (`tok_sandbox_…`) simulate what a provider may do by itself: be unreachable,
//! close an intent, lose a hold, refund money. With Stripe's `tok_createDispute` the money is
//! disputed as soon as it is captured.

mod cards;
mod journal;
mod ledger;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use self::journal::Journal;
use self::ledger::Ledger;
use super::{
    Authorization, Intent, IntentPage, IntentStatus, PaymentProvider, ProviderBooks, ProviderError,
    ProviderRef, SetupError, Token,
};

/// How long a start waits for the previous process to release the journal.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// Number of requests that may queue for the writer before their senders wait.
const QUEUE: usize = 1024;
/// Limit for requests that share one fsync.
const BATCH: usize = 256;
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A task on the ledger; returns the reply to send once it is known whether it was stored.
type Job = Box<dyn FnOnce(&mut Ledger) -> Reply + Send>;
type Reply = Box<dyn FnOnce(Result<(), ProviderError>) + Send>;

/// The sandbox that writes. It acknowledges intents only when they are on the disk.
pub struct Sandbox {
    jobs: mpsc::Sender<Job>,
}

impl Sandbox {
    /// Opens the journal, creating it if missing, and locks it: a second process that opens the
    /// same one gets [`SetupError::InUse`] after a short wait. Blocks while it reads.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SetupError> {
        Self::open_within(path, LOCK_WAIT)
    }

    /// Like [`open`](Self::open), waiting this long for another process to release the journal.
    pub fn open_within(path: impl AsRef<Path>, wait: Duration) -> Result<Self, SetupError> {
        let path = path.as_ref();
        let (journal, ledger) = Journal::open(path, wait)?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        // A separate thread, because fsync blocks; and only one, because it owns the ledger and so
        // needs no lock, and lets all waiting requests share one fsync.
        std::thread::Builder::new()
            .name("sandbox-payments".to_owned())
            .spawn(move || write(queue, journal, ledger))
            .map_err(|source| SetupError::Io {
                path: path.to_owned(),
                source,
            })?;
        Ok(Self { jobs })
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Ledger) -> Result<T, ProviderError> + Send + 'static,
    ) -> Result<T, ProviderError> {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |ledger| {
            let answer = work(ledger);
            Box::new(move |stored| {
                // A requester that is gone needs no answer.
                let _ = tell.send(stored.and(answer));
            })
        });
        self.jobs.send(job).await.map_err(|_| stopped())?;
        told.await.map_err(|_| stopped())?
    }
}

/// The writer's thread: takes the waiting requests, decides, stores, then answers.
fn write(mut queue: mpsc::Receiver<Job>, mut journal: Journal, mut ledger: Ledger) {
    while let Some(job) = queue.blocking_recv() {
        let mut replies = vec![job(&mut ledger)];
        while replies.len() < BATCH
            && let Ok(job) = queue.try_recv()
        {
            replies.push(job(&mut ledger));
        }
        let pending = ledger.take_pending();
        let stored = if pending.is_empty() {
            Ok(())
        } else {
            journal.append(&pending)
        };
        if let Err(error) = &stored {
            tracing::error!(%error, "the sandbox can't write its journal");
            // The ledger contains entries that the disk doesn't; only the disk counts.
            match journal.recover() {
                Ok(on_disk) => ledger = on_disk,
                Err(error) => {
                    tracing::error!(%error, "the sandbox can't recover its journal, and stops");
                    return;
                }
            }
        }
        for reply in replies {
            reply(if stored.is_ok() {
                Ok(())
            } else {
                Err(unreachable("its journal can't be written"))
            });
        }
    }
}

fn stopped() -> ProviderError {
    unreachable("it has stopped")
}

fn unreachable(reason: &str) -> ProviderError {
    ProviderError::Unreachable {
        reason: format!("sandbox: {reason}"),
        retry_after: RETRY_AFTER,
    }
}

#[async_trait]
impl ProviderBooks for Sandbox {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    async fn list(&self, cursor: Option<&str>) -> Result<IntentPage, ProviderError> {
        let cursor = cursor.map(str::to_owned);
        self.ask(move |ledger| ledger.list(cursor.as_deref())).await
    }
}

#[async_trait]
impl PaymentProvider for Sandbox {
    async fn open(&self, intent: &Intent) -> Result<ProviderRef, ProviderError> {
        let intent = intent.clone();
        self.ask(move |ledger| ledger.open(&intent)).await
    }

    async fn authorize(
        &self,
        reference: &ProviderRef,
        token: &Token,
        attempt_key: &str,
    ) -> Result<Authorization, ProviderError> {
        let (reference, token) = (reference.clone(), token.clone());
        let attempt_key = attempt_key.to_owned();
        self.ask(move |ledger| ledger.authorize(&reference, &token, &attempt_key))
            .await
    }

    async fn capture(&self, reference: &ProviderRef) -> Result<(), ProviderError> {
        let reference = reference.clone();
        self.ask(move |ledger| ledger.capture(&reference)).await
    }

    async fn void(&self, reference: &ProviderRef) -> Result<(), ProviderError> {
        let reference = reference.clone();
        self.ask(move |ledger| ledger.void(&reference)).await
    }

    async fn status(&self, reference: &ProviderRef) -> Result<IntentStatus, ProviderError> {
        let reference = reference.clone();
        self.ask(move |ledger| ledger.status(&reference)).await
    }
}

/// The sandbox's state when it was opened, for a process next to the one that writes.
pub struct SandboxReader {
    ledger: Ledger,
}

impl SandboxReader {
    /// Reads the journal without locking or changing it; a missing one is empty. Blocks while it
    /// reads.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SetupError> {
        Journal::read(path.as_ref()).map(|ledger| Self { ledger })
    }
}

#[async_trait]
impl ProviderBooks for SandboxReader {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    async fn list(&self, cursor: Option<&str>) -> Result<IntentPage, ProviderError> {
        self.ledger.list(cursor)
    }
}
