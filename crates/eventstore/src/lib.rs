//! An event store on NATS JetStream, for [`cqrs_es`] aggregates.
//!
//! A stream in JetStream is the only truth. Commands append to it under optimistic concurrency;
//! everything else (read models, reactions, reports) reads it and can be thrown away.
//!
//! ```no_run
//! # use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
//! # use serde::{Deserialize, Serialize};
//! # #[derive(Clone, Default, Serialize, Deserialize)]
//! # struct Account;
//! # #[derive(Clone)]
//! # enum Deposit { Cents(i64) }
//! # #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
//! # #[serde(tag = "type", content = "data")]
//! # enum AccountEvent { Deposited { cents: i64 } }
//! # impl DomainEvent for AccountEvent {
//! #     fn event_type(&self) -> String { String::new() }
//! #     fn event_version(&self) -> String { String::new() }
//! # }
//! # impl Aggregate for Account {
//! #     const TYPE: &'static str = "account";
//! #     type Command = Deposit;
//! #     type Event = AccountEvent;
//! #     type Error = std::fmt::Error;
//! #     type Services = ();
//! #     async fn handle(&mut self, _: Deposit, (): &(), _: &EventSink<Self>) -> Result<(), Self::Error> { Ok(()) }
//! #     fn apply(&mut self, _: AccountEvent) {}
//! # }
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use eventstore::{Expectation, Log, LogConfig, Metadata, StreamName};
//!
//! const ACCOUNTS: StreamName = StreamName::new("ACCOUNTS");
//!
//! let config = LogConfig { event_streams: vec![ACCOUNTS], ..LogConfig::default() };
//! let log = Log::connect(config).await?;
//! log.streams().ensure().await?;
//!
//! let accounts = log.store::<Account>(ACCOUNTS);
//! let metadata = Metadata::of_request(uuid::Uuid::new_v4(), "request-1", "ann", chrono::Utc::now());
//! let done = accounts.execute("ann", Deposit::Cents(500), &metadata, Expectation::Unknown).await?;
//! println!("stored as {}#{}", accounts.stream(), done.sequence);
//! # Ok(()) }
//! ```
//!
//! `examples/bank_account.rs` is the complete program, and runs.
//!
//! | to | use |
//! |---|---|
//! | decide a command and store what follows | [`Store::execute`], which stores commands that wait for the same aggregate together; [`cqrs_es::CqrsFramework`] on a [`Store`] where one try is enough |
//! | see an aggregate's newest state | [`Store::load`], [`Store::commits`] |
//! | build a read model | [`Reader::follow`] from a checkpoint, [`Reader::range`], [`Reader::merged`] |
//! | react, at least once, even after a crash | [`Workers::on_commit`] |
//! | let a command fall due later | [`Scheduler::schedule`], [`Workers::on_due`] |
//! | continue where the server has lost a message for good | [`Holes::acknowledge`] |
//! | handle dead letters | [`DeadLetters::list`], [`DeadLetters::retry`], [`DeadLetters::drop`] |
//! | answer a repeated request with its first response | [`Idempotency::claim`], [`Idempotency::answer`] |
//! | write history as it was: an import, a simulation | [`Importer::begin`], [`HistoricalCommit`] |
//! | inspect and change the streams' settings, copy streams out and back | [`Streams::plans`], [`Backup::snapshot`], [`Backup::restore`] |
//! | broadcast announcements and publish public keys | [`PubSub::broadcast`], [`SessionKeys::publish`] |
//!
//! # Format
//!
//! One **stream** holds the aggregates of one type, each under one literal **subject**,
//! `<STREAM>.<aggregate id>`; an id is 1 to 128 letters, digits, `-` or `_`. All events of one
//! command on one aggregate are one **commit**. A **message** holds one or more commits of one
//! aggregate, as JSON:
//!
//! ```json
//! {"v":2,"type":"account","at":7,"commits":[{
//!   "id":"018f…","command":"9b2e…","correlation":"request-7","causation":"018e…",
//!   "actor":"ann","time":"2026-01-02T03:04:05.000006Z","trace":"00-4bf9…-01",
//!   "events":[{"version":"1.0","type":"Deposited","data":{"cents":500}}]
//! }]}
//! ```
//!
//! | field | holds |
//! |---|---|
//! | `v` | the format: 2 |
//! | `type` | [`cqrs_es::Aggregate::TYPE`] |
//! | `at` | version of the first event in it; the first event of an aggregate has 0 |
//! | `id` | identity of the commit: a UUID |
//! | `command` | identity of the command: a UUID, at most once per aggregate |
//! | `correlation` | the start of the chain; at most 128 characters, like `actor` and `trace` |
//! | `causation` | the commit that caused the command; absent if none did |
//! | `actor` | the author |
//! | `time` | RFC 3339 time of the process that accepted the command |
//! | `trace` | W3C trace context; absent if there was none |
//! | `type`, `data` of an event | the event by serde's adjacent tagging (`#[serde(tag = "type", content = "data")]`) |
//! | `version` of an event | the version of its schema |
//!
//! `format-2.schema.json` beside this crate's `Cargo.toml` is the same as a JSON schema. The one
//! header is `Nats-Expected-Last-Subject-Sequence`, which is for the server: what the message was
//! built on. The place of a commit is stream, sequence and [`Commit::index`]; readers continue
//! behind whole messages.
//!
//! In format 1 a message was one commit, with its metadata in headers. Such messages are read like
//! all others, so an old log needs no migration.
//!
//! Besides the streams of commits there are `COMMANDS` (schedules, and due commands),
//! `DEADLETTERS`, `REQUESTS` (first responses, kept for 24 hours) and `KEYS`; announcements are not
//! stored. [`Streams::ensure`] creates them all, once: a stream that is missing where a log existed
//! before is [`StoreError::StreamMissing`], and an operator decides what to do. Streams of commits
//! have no limit, and nothing can be deleted from them.
//!
//! # What is guaranteed
//!
//! - **A commit is atomic**, and acknowledged commits are in the log. Whether that survives a power
//!   cut depends on the server: it takes `sync_interval: always` **and** three copies. With only
//!   one of the two, a single machine that loses power can take acknowledged commits with it: with
//!   lazy syncing, a server that comes back without its last messages can outvote the one that has
//!   them.
//! - **A log that lost its tail is noticed.** After each connection, and every few seconds, the
//!   store checks whether the newest commits that this process has seen still exist. Nothing is
//!   appended before that check, and appends use a connection that was made before the check and
//!   never reconnects: what waits in it is not sent to a server that came back. If the commits are
//!   gone, they are named in the process's log, cached aggregates are dropped, [`Tails::epoch`]
//!   rises, and followers get [`StoreError::TailLost`]. [`Store`] states what it can't rule out. A
//!   response that was kept for a repeated request is returned only while the commit that it
//!   [reports](RestsOn) exists.
//! - **No update is lost.** Each append states the sequence of the last commit that it builds on,
//!   and the server rejects it if there is a newer one. Aggregates can therefore be cached: a
//!   decision on an old state is never stored. A refusal, which stores nothing that could be
//!   checked, is given only on a state that is as new as the command: read from the stream's leader
//!   after the command arrived, or appended after it. Concurrent commands share such a read. "As
//!   new" means by the server that leads, whose state may be a few seconds old if it has just been
//!   cut off from the others: NATS answers a read without asking them (1.5 s were seen). Appends
//!   are safe from this, since a server that is cut off can store none.
//! - **Commands that wait for the same aggregate are stored together**, as commits of one message:
//!   decided one after the other, and each answered on its own. A refusal that rests on commits
//!   beside it is given when they are stored. One that can't be stored fails alone. If the log is
//!   unavailable for one, it is for all of its message, and each may be repeated.
//! - **A command takes effect at most once.** Its ID is in its commit. A repeated command, at once
//!   or years later, in this process or another, returns its first result.
//! - **Versions are dense, and so are sequences.** A message that the server has lost is
//!   [`StoreError::Hole`] to readers of a stream, and [`StoreError::Gap`] or
//!   [`StoreError::HistoryLost`] to its aggregate; one that can't be read, or that was not appended
//!   by a client, is [`StoreError::Unreadable`]. None is ever skipped automatically. Readers pass
//!   over a hole that an operator has acknowledged with a name and a reason, which is recorded in
//!   the log ([`Holes::acknowledge`]); no command is ever decided on a history with a hole in it.
//!   Where the *newest* commit of an aggregate is lost, the server reports that the aggregate has
//!   none and would accept another first one, so an aggregate counts as new only if the server also
//!   counts no message under its subject.
//! - **Order.** A stream has one order, and [`Reader::follow`] keeps it, without gap or duplicate,
//!   across restarts of any component. A subscription handles the commits of one aggregate in order
//!   as long as one process works and none fails. With several processes, after a crash, after
//!   [`HandlerError::RetryAfter`], and past a dead letter, a later commit can come first: a handler
//!   must tolerate that, and being called twice, by comparing versions or reading the newest state.
//! - **Reads see one's own writes.** [`Store::load`] sees every commit that was acknowledged to any
//!   client before the call, by the server that leads (see above). A read model does once it has
//!   folded [`CommandOutcome::sequence`].
//!
//! All this needs a NATS server of version 2.14.7 or later ([`OLDEST_SERVER`]): earlier ones change
//! a stream's identity at a restart, or skip messages for a consumer after a crash. The store
//! rejects them.
//!
//! ## What may be assumed after an error
//!
//! | error | took effect | then |
//! |---|---|---|
//! | [`CommandError::Refused`] | no | the domain's answer, on the newest state |
//! | [`StoreError::Unavailable`] | unknown | repeat with the same command ID, which is safe either way |
//! | [`StoreError::Conflict`] | no | repeat at once or later |
//! | [`StoreError::UnexpectedAnswer`] | unknown | a defect: repeating is useless |
//! | [`StoreError::InvalidId`], [`StoreError::TooLarge`], [`StoreError::Encode`], [`StoreError::Rejected`] | no | repeating is useless |
//! | [`StoreError::Unreadable`], [`StoreError::Hole`], [`StoreError::Gap`], [`StoreError::HistoryLost`] | no | the log needs an operator (or an upcaster) |
//! | [`StoreError::TailLost`] | no | rebuild what was derived from the log |
//! | [`StoreError::StreamMismatch`], [`StoreError::StreamMissing`] | no | the stream needs an operator |
//!
//! A command ends within [`LogConfig::command_timeout`] (1.8 s), including the wait for other
//! commands on the same aggregate; without a connection an append fails at once and is not sent
//! later.
//!
//! ## Subscriptions
//!
//! A message is acknowledged after its handler succeeded for each of its commits. [`HandlerError::Poison`] and a panic are
//! retried with growing pauses and then become a dead letter; messages of other aggregates continue
//! in the meantime. [`HandlerError::Unavailable`] is retried forever and uses up no tries. Messages
//! in hand of a killed process are delivered to another after [`Subscription::redeliver_after`] (5
//! s), those that a stopping process hands back, at once; a slow handler is not interrupted. A
//! message that was delivered often without success is tried in quarantine, and set aside if that
//! ended the process three times; deliveries alone are never counted against it.
//!
//! A process has at most 1,000 messages of a subscription in hand. When more than half of them wait
//! for something that is down, messages are given back for a while (2 to 30 s), each with those of
//! its aggregate behind it, so that independent messages continue. The server keeps up to 50,000
//! that way; beyond that a subscription stops until a message is handled.
//!
//! # Deliberate omissions
//!
//! - **Commits on several aggregates.** JetStream's atomic batch publish could do that, at 110 to
//!   270 batches per second, where single messages reach thousands. What must be decided together
//!   belongs in one aggregate.
//! - **Loading through a consumer.** An aggregate usually has few commits, and creating a consumer
//!   costs more than reading them one by one with direct gets. Only an aggregate that is 64 events
//!   or more ahead of the cache is read through a consumer.
//! - **Expectations on a wildcard.** Overlapping filters were seen to let two writers win on three
//!   copies. Whatever must be unique is an aggregate's ID.
//! - **Snapshots.** Aggregates stay in memory; loading one again has not been slow enough to
//!   justify a second truth.
//! - **Message IDs against duplicates** (`Nats-Msg-Id`). Their window is finite, and the command ID
//!   in the commit does the same forever.
//! - **The framework's queries.** They run in the process that committed and are lost in its crash.
//!   Read models follow the log.
//!
//! # Cost
//!
//! A command on a cached aggregate takes one round trip, a first one two or more; a load takes one.
//! Commands that wait for the same aggregate share theirs.
//! Measured on a machine with two cores, server included, with events of 300 bytes in file storage:
//!
//! | | per second |
//! |---|---|
//! | appends with an expectation, 1 / 16 / 64 concurrent | 2,400–2,800 / 12,300–18,900 / 27,300–28,500 |
//! | the same with `sync_interval: always` | 1,200 / 1,300 / 1,400 |
//! | direct gets of a subject's last message, 64 concurrent | 22,000–35,000 |
//! | loads of an aggregate through a new consumer | 700–950 |
//! | replay of a stream through one ordered consumer | 105,000–138,000 |
//!
//! A subject costs the server about 1.6 KB of memory. [`describe_metrics`] describes the metrics.
#![deny(missing_docs)]

mod admin;
mod commit;
mod connection;
#[cfg(feature = "testing")]
pub mod contract;
mod dead_letters;
mod error;
#[cfg(feature = "idempotency")]
mod idempotency;
mod log;
mod meters;
mod pubsub;
mod read;
mod schedule;
mod server_answer;
#[cfg(feature = "session-keys")]
mod session_keys;
mod store;
mod stream_name;
mod subject;
#[cfg(feature = "testing")]
pub mod testing;
pub mod trace;
mod worker;

pub use admin::{
    Backup, ConsumerInfo, Import, Importer, Restoring, Snapshot, SnapshotHead, StreamChange,
    StreamInfo, StreamPlan, Streams, StreamsFound,
};
#[cfg(fuzzing)]
#[doc(hidden)]
pub use commit::fuzz;
pub use commit::{Commit, HistoricalCommit, Metadata, RawEvent, StoredEvent, Upcasters};
pub use connection::{AcknowledgedHole, LogConfig, Login, OLDEST_SERVER, SeenCommit};
pub use dead_letters::{DeadLetter, DeadLetters, OpenDeadLetters};
pub use error::{CommandError, StoreError};
#[cfg(feature = "idempotency")]
pub use idempotency::{Claim, ClaimToken, Idempotency, RestsOn, StoredAnswer};
pub use log::Log;
pub use meters::describe_metrics;
pub use pubsub::PubSub;
pub use read::{Holes, Reader, StoredMessage, Tails};
pub use schedule::{DueCommand, Scheduler};
#[cfg(feature = "session-keys")]
pub use session_keys::{KnownKey, SessionKeys};
pub use store::{CommandOutcome, Expectation, Loaded, Store};
pub use stream_name::{InvalidName, Prefix, StreamName};
pub use worker::{HandlerError, Subscription, Worker, Workers};
