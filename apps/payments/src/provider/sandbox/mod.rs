//! A provider that moves no money: for trying things out, and for tests.
//!
//! It behaves like Stripe in test mode: the same test tokens, the same sentences when a card is
//! declined, one hold an intent. It remembers its intents in a file of its own, not in the event
//! log: as with a real provider, the two can differ after a crash, and `reconcile` shows it.
//!
//! What a provider may do by itself can be tried, too, with tokens of its own (`tok_sandbox_…`): it
//! is out of reach, it closes an intent, it lets go of what it held, it gives money back. With
//! Stripe's `tok_createDispute` the money is disputed as soon as it is taken.

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
    Authorization, Intent, IntentStatus, Page, PaymentProvider, ProviderError, ProviderRef,
    SetupError, Token,
};

/// How long a start waits for the process before it to let go of the journal.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// How many requests may wait for the writer before their senders do.
const QUEUE: usize = 1024;
/// How many requests share one fsync at most.
const BATCH: usize = 256;
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Works on the ledger, and gives back what tells the asker, once it is known if it was stored.
type Job = Box<dyn FnOnce(&mut Ledger) -> Reply + Send>;
type Reply = Box<dyn FnOnce(Result<(), ProviderError>) + Send>;

/// The sandbox that writes. Intents are answered for only when they are on the disk.
pub struct Sandbox {
    jobs: mpsc::Sender<Job>,
}

impl Sandbox {
    /// Opens the journal, making it when missing, and locks it: a second process that opens the
    /// same one gets [`SetupError::InUse`] after a short wait. Blocks while it reads.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SetupError> {
        Self::open_within(path, LOCK_WAIT)
    }

    /// As [`open`](Self::open), waiting this long for another process to let go of the journal.
    pub fn open_within(path: impl AsRef<Path>, wait: Duration) -> Result<Self, SetupError> {
        let path = path.as_ref();
        let (journal, ledger) = Journal::open(path, wait)?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        // A thread of its own, because fsync blocks; and only one, because it owns the ledger and
        // so needs no lock, and lets all that wait share one fsync.
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
                // An asker that went away needs no answer.
                let _ = tell.send(stored.and(answer));
            })
        });
        self.jobs.send(job).await.map_err(|_| stopped())?;
        told.await.map_err(|_| stopped())?
    }
}

/// The writer's thread: takes what waits, decides, stores, then answers.
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
            // The ledger holds what the disk doesn't; only the disk counts.
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
impl PaymentProvider for Sandbox {
    fn name(&self) -> &'static str {
        "sandbox"
    }

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

    async fn list(&self, cursor: Option<&str>) -> Result<Page, ProviderError> {
        let cursor = cursor.map(str::to_owned);
        self.ask(move |ledger| ledger.list(cursor.as_deref())).await
    }
}

/// The sandbox's books as they stood when it was opened, for a process beside the one that writes.
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

fn read_only<T>() -> Result<T, ProviderError> {
    Err(ProviderError::Rejected {
        message: "the sandbox was opened only for reading".to_owned(),
    })
}

#[async_trait]
impl PaymentProvider for SandboxReader {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    async fn open(&self, _: &Intent) -> Result<ProviderRef, ProviderError> {
        read_only()
    }

    async fn authorize(
        &self,
        _: &ProviderRef,
        _: &Token,
        _: &str,
    ) -> Result<Authorization, ProviderError> {
        read_only()
    }

    async fn capture(&self, _: &ProviderRef) -> Result<(), ProviderError> {
        read_only()
    }

    async fn void(&self, _: &ProviderRef) -> Result<(), ProviderError> {
        read_only()
    }

    async fn status(&self, reference: &ProviderRef) -> Result<IntentStatus, ProviderError> {
        self.ledger.status(reference)
    }

    async fn list(&self, cursor: Option<&str>) -> Result<Page, ProviderError> {
        self.ledger.list(cursor)
    }
}
