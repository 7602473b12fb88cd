//! What this crate promises, as a suite of tests that can be pointed at any server.
//!
//! ```sh
//! NATS_URL=nats://127.0.0.1:4222 cargo run --example contract --features testing
//! ```
//!
//! Use it before an installation goes live, after an upgrade of its servers, and on a cluster of
//! one's own: a server that is set up differently shows here what it doesn't keep. The suite works in
//! streams of its own, under a unique prefix, and deletes them in the end; it needs a
//! user that may do so. It doesn't kill servers: what holds in a crash is the business of the tests of
//! this crate.

mod account;
mod log_promises;
mod store_promises;
mod worker_promises;

use futures_util::future::BoxFuture;
use std::{error::Error, time::Duration};
use tokio::time::Instant;
use uuid::Uuid;

use self::account::{Account, Command, TooLittle};
use crate::{
    CommandError, CommandOutcome, Expectation, Log, LogConfig, Metadata, Prefix, Store, StoreError,
    StreamName,
};

/// A promise, and whether it was kept.
#[derive(Debug)]
pub struct Verdict {
    /// What is promised, as a sentence.
    pub promise: &'static str,
    /// Why it isn't kept.
    pub result: Result<(), Broken>,
}

/// Why a promise isn't kept.
pub type Broken = Box<dyn Error + Send + Sync>;

type Kept = Result<(), Broken>;
type Promise = (&'static str, fn(Subject) -> BoxFuture<'static, Kept>);

/// Time limit for each step.
const SOON: Duration = Duration::from_secs(15);

const STREAM: StreamName = StreamName::new("CONTRACT");

/// The log under test, and the store and ID of a new account.
#[derive(Clone)]
struct Subject {
    log: Log,
    accounts: Store<Account>,
    id: String,
}

impl Subject {
    fn new(log: &Log) -> Self {
        Self {
            log: log.clone(),
            accounts: log.store(STREAM),
            id: Uuid::new_v4().to_string(),
        }
    }

    async fn run(
        &self,
        command: Command,
    ) -> Result<CommandOutcome<Account>, CommandError<TooLittle>> {
        self.repeat(command, &fresh()).await
    }

    async fn repeat(
        &self,
        command: Command,
        metadata: &Metadata,
    ) -> Result<CommandOutcome<Account>, CommandError<TooLittle>> {
        let unknown = Expectation::Unknown;
        self.accounts
            .execute(&self.id, command, metadata, unknown)
            .await
    }
}

/// The metadata of a new command.
fn fresh() -> Metadata {
    Metadata::of_request(Uuid::new_v4(), "contract", "contract", chrono::Utc::now())
}

/// A promise is broken unless this holds.
fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Kept {
    if holds {
        Ok(())
    } else {
        Err(otherwise().into())
    }
}

/// Waits until this holds.
async fn until<F>(what: &str, mut holds: impl FnMut() -> F) -> Kept
where
    F: Future<Output = Result<bool, Broken>>,
{
    let end = Instant::now() + SOON;
    while !holds().await? {
        expect(Instant::now() < end, || {
            format!("not within {SOON:?}: {what}")
        })?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Checks every promise on the servers of a configuration, under a prefix of its own, one after the
/// other.
///
/// # Errors
/// When the servers can't be reached, refuse the user, or are too old. What is promised and not kept is
/// in the verdicts.
pub async fn check(config: LogConfig) -> Result<Vec<Verdict>, StoreError> {
    let id = Uuid::new_v4().simple().to_string().to_uppercase();
    let prefix = Prefix::parse(&format!("CONTRACT-{}-", &id[..12]))
        .map_err(|error| StoreError::Rejected(error.to_string()))?;
    check_under(prefix, config).await
}

/// As [`check`], under a given prefix. Streams with that prefix are deleted in the end.
///
/// # Errors
/// As [`check`].
pub async fn check_under(prefix: Prefix, config: LogConfig) -> Result<Vec<Verdict>, StoreError> {
    let config = LogConfig {
        prefix,
        event_streams: vec![STREAM],
        ..config
    };
    let log = Log::connect(config).await?;
    let mut connection = log.connection();
    let connected = connection.wait_for(|connected| *connected);
    if tokio::time::timeout(SOON, connected).await.is_err() {
        log.probe().await?;
    }
    log.streams().ensure().await?;
    let mut verdicts = Vec::new();
    for (promise, check) in [store_promises::ALL, log_promises::ALL, worker_promises::ALL].concat()
    {
        let result = check(Subject::new(&log)).await;
        verdicts.push(Verdict { promise, result });
    }
    for stream in log.backup().streams() {
        log.backup().delete_for_restore(stream).await?;
    }
    log.close().await;
    Ok(verdicts)
}
