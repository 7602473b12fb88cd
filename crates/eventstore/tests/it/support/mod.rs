//! A server, connections to it, and an account to try things with.

mod account;
mod stand_ins;

pub use account::{Account, Command, Event, Refusal};
pub use stand_ins::{Disguise, LAGGING, lag};

use chrono::Utc;
use cqrs_es::DomainEvent;
use eventstore::{
    CommandError, CommandOutcome, Commit, Expectation, Log, LogConfig, Metadata, Store, StoreError,
    StreamName,
};
use futures_util::{Stream, StreamExt};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use testkit::{LONG, Nats, eventually};
use uuid::Uuid;

/// The stream of the accounts.
pub const ACCOUNTS: StreamName = StreamName::new("ACCOUNTS");
/// A second stream, to merge.
pub const BRANCHES: StreamName = StreamName::new("BRANCHES");

/// The settings of connections that are to bear a busy machine.
pub fn config(url: &str) -> LogConfig {
    LogConfig {
        answer_timeout: Duration::from_secs(5),
        command_timeout: LONG,
        ..impatient(url)
    }
}

/// The settings by default, for tests of how soon a command fails.
pub fn impatient(url: &str) -> LogConfig {
    LogConfig {
        url: url.to_owned(),
        event_streams: vec![ACCOUNTS, BRANCHES],
        ..LogConfig::default()
    }
}

/// A connection with a cache of its own, as a process of its own would have it.
pub async fn connect(url: &str) -> Log {
    connect_with(config(url)).await
}

pub async fn connect_with(config: LogConfig) -> Log {
    let log = Log::connect(config).await.unwrap();
    connected(&log).await;
    log.streams().ensure().await.unwrap();
    log
}

/// Makes the streams that are missing, on purpose.
pub async fn recreated(log: &Log) -> Result<(), StoreError> {
    for mut plan in log.streams().plans().await? {
        plan.create_on_purpose();
        log.streams().migrate(&plan).await?;
    }
    Ok(())
}

pub async fn connected(log: &Log) {
    eventually("connected", LONG, || async { log.is_connected() }).await;
}

pub async fn disconnected(log: &Log) {
    eventually("disconnected", LONG, || async { !log.is_connected() }).await;
}

/// A server, and a connection to it.
pub async fn start() -> (Nats, Log) {
    let nats = Nats::start().await;
    let log = connect(nats.url()).await;
    (nats, log)
}

/// The accounts of a connection, with a cache of their own.
pub fn accounts(log: &Log) -> Store<Account> {
    log.store(ACCOUNTS)
}

/// A command that nobody sent before.
pub fn fresh() -> Metadata {
    of_command(Uuid::new_v4())
}

pub fn of_command(id: Uuid) -> Metadata {
    Metadata::of_request(id, "request-1", "teller", Utc::now())
}

pub type Answer = Result<CommandOutcome<Account>, CommandError<Refusal>>;

/// Executes a command that nobody sent before.
pub async fn run(accounts: &Store<Account>, id: &str, command: Command) -> Answer {
    accounts
        .execute(id, command, &fresh(), Expectation::Unknown)
        .await
}

/// Executes one in the belief that the account is new.
pub async fn run_new(accounts: &Store<Account>, id: &str, command: Command) -> Answer {
    accounts
        .execute(id, command, &fresh(), Expectation::LikelyNew)
        .await
}

pub async fn deposit(accounts: &Store<Account>, id: &str, amount: i64) -> Answer {
    run(accounts, id, Command::Deposit(amount)).await
}

/// Appends a commit without a store; gives its sequence.
pub async fn append<E: DomainEvent>(
    log: &Log,
    (stream, id): (StreamName, &str),
    version: u64,
    event: E,
    expected: u64,
) -> Result<u64, StoreError> {
    let (aggregate, events) = (("account", id), [event]);
    log.importer()
        .append_events(stream, aggregate, version, &events, &fresh(), expected)
        .await
}

/// One deposit on each of these accounts, in this order; gives the last sequence.
pub async fn deposit_on(log: &Log, ids: &[&str]) -> u64 {
    let accounts = accounts(log);
    let mut last = 0;
    for id in ids {
        last = deposit(&accounts, id, 1).await.unwrap().sequence;
    }
    last
}

/// The failure inside, which must be one of the store.
#[track_caller]
pub fn failure<T: std::fmt::Debug>(answer: Result<T, CommandError<Refusal>>) -> StoreError {
    match answer {
        Err(CommandError::Failed(failure)) => failure,
        other => panic!("expected a failure of the store, found {other:?}"),
    }
}

/// The next items of a stream, which must come soon.
pub async fn next<T>(items: &mut (impl Stream<Item = T> + Unpin), count: usize) -> Vec<T> {
    let mut found = Vec::new();
    while found.len() < count {
        let item = tokio::time::timeout(LONG, items.next()).await;
        found.push(item.expect("an item in time").expect("another item"));
    }
    found
}

pub fn sequences(commits: &[Commit]) -> Vec<u64> {
    commits.iter().map(|commit| commit.sequence).collect()
}

/// Notes that handlers take, in order.
#[derive(Clone, Default)]
pub struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    pub fn take(&self, note: impl Into<String>) {
        self.0.lock().unwrap().push(note.into());
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub fn of(&self, start: &str) -> Vec<String> {
        let mut notes = self.all();
        notes.retain(|note| note.starts_with(start));
        notes
    }

    pub async fn until(&self, count: usize) -> Vec<String> {
        let what = format!("{count} notes");
        eventually(&what, LONG, || async {
            let notes = self.all();
            if notes.len() >= count {
                Ok(notes)
            } else {
                Err(notes)
            }
        })
        .await
    }
}

/// Longer than anything that was on its way takes: for what must not happen.
pub async fn a_while() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}
