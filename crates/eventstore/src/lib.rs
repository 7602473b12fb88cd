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
//! `examples/bank_account.rs` is the whole of it, and runs.
//!
//! | to | use |
//! |---|---|
//! | decide a command and store what follows | [`Store::execute`]; [`cqrs_es::CqrsFramework`] on a [`Store`] where one try is enough |
//! | see an aggregate's newest state | [`Store::load`], [`Store::commits`] |
//! | build a read model | [`Reader::follow`] from a checkpoint, [`Reader::range`], [`Reader::merged`] |
//! | react, at least once, also after a crash | [`Workers::on_commit`] |
//! | let a command fall due later | [`Scheduler::schedule`], [`Workers::on_due`] |
//! | go on where the server has lost a message for good | [`Holes::acknowledge`] |
//! | look after what could not be handled | [`DeadLetters::list`], [`DeadLetters::retry`], [`DeadLetters::drop`] |
//! | answer a repeated request with its first answer | [`Idempotency::claim`], [`Idempotency::answer`] |
//! | write history as it was: an import, a simulation | [`Importer::begin`], [`HistoricalCommit`] |
//! | see and change how streams are set up, copy them out and back | [`Streams::plans`], [`Backup::snapshot`], [`Backup::restore`] |
//! | spread news and public keys | [`PubSub::broadcast`], [`SessionKeys::publish`] |
//!
//! # Shapes
//!
//! One **stream** holds the aggregates of one type, each under one literal **subject**,
//! `<STREAM>.<aggregate id>`; an id is 1 to 128 letters, digits, `-` or `_`. All events of one
//! command on one aggregate are one **commit**, and a commit is one **message**. Its payload is
//! JSON:
//!
//! ```json
//! {"events":[{"version":"1.0","type":"Deposited","data":{"cents":500}}]}
//! ```
//!
//! `type` and `data` are the event by serde's adjacent tagging
//! (`#[serde(tag = "type", content = "data")]`), `version` is the version of its schema. Where the
//! commit came from is in its headers:
//!
//! | header | holds |
//! |---|---|
//! | `Commit-Id` | identity of the commit: a UUID |
//! | `Aggregate-Type` | [`cqrs_es::Aggregate::TYPE`] |
//! | `Aggregate-Version` | version of the first event in it; the first event ever has 0 |
//! | `Command-Id` | identity of the command: a UUID, at most once an aggregate |
//! | `Correlation-Id` | what began the chain; at most 128 characters, percent-encoded where they aren't visible ASCII |
//! | `Causation-Id` | the commit that caused the command, if one did |
//! | `Actor` | who asked; in the same form |
//! | `Commit-Time` | RFC 3339 time of the process that took the command |
//! | `traceparent` | W3C trace context, if there was one |
//! | `Nats-Expected-Last-Subject-Sequence` | what the commit was built on |
//!
//! Beside the streams of commits there are `COMMANDS` (schedules, and commands that fell due),
//! `DEADLETTERS`, `REQUESTS` (first answers, kept 24 hours) and `KEYS`; announcements are no stream.
//! [`Streams::ensure`] makes them all, once: a stream that is missing where there was a log
//! before is [`StoreError::StreamMissing`], and people decide what to do. Streams of commits have no
//! limit, and nothing can be deleted from them.
//!
//! # What is guaranteed
//!
//! - **A commit is atomic**, and what was acknowledged is in the log. How sure that is in a power
//!   cut is the server's business: it takes `sync_interval: always` **and** three copies. With
//!   either alone, one machine that loses its power can take acknowledged commits with it: with lazy
//!   syncing, a server that comes back without its last messages can outvote the one that has them.
//! - **A log that lost its tail is noticed.** After each connection, and every few seconds, it is
//!   looked whether the newest commits that this process has seen still stand; nothing is appended
//!   before, and what is appended goes over a connection that was made before that look and is never
//!   made again: what waits in it is not sent to a server that came back. If they don't, they are named in the log of the process, aggregates in memory are
//!   forgotten, [`Tails::epoch`] goes up, and whoever follows gets [`StoreError::TailLost`]. What
//!   [`Store`] can't rule out is said there. An answer that was kept for a repeated request is given
//!   only while the commit that it [tells of](RestsOn) stands.
//! - **No update is lost.** Each append states the sequence of the last commit that it builds on,
//!   and the server refuses it if there is a newer one. Aggregates can therefore be kept in memory:
//!   a decision on an old state is never stored. A refusal, which stores nothing that could be
//!   checked, is given only on a state that is as new as the command: read from the stream's leader
//!   after the command had come, or appended after it. Those who wait at once share such a read.
//!   "As new" is as of the server that leads, and that may be a few seconds old if it has just been
//!   cut off from the others: NATS asks nobody before it answers a read (1.5 s were seen). Appends
//!   are safe from this, since a server that is cut off can store none.
//! - **A command takes effect at most once.** Its id is in its commit. A command that is sent
//!   again, at once or after years, here or in another process, is answered with its first result.
//! - **Versions are dense, sequences too.** A message that the server has lost is
//!   [`StoreError::Hole`] to readers of a stream, and [`StoreError::Gap`] or
//!   [`StoreError::HistoryLost`] to its aggregate; one that can't be read, or that nobody appended, is
//!   [`StoreError::Unreadable`]. None is ever skipped by itself. Readers go over a hole that an
//!   operator has acknowledged by name and reason, which is recorded in the log
//!   ([`Holes::acknowledge`]); no command is ever decided on a history with a hole in it. Where
//!   the *newest* commit of an aggregate is lost, the server says that the aggregate has none and
//!   would take another first one, so an aggregate counts as new only if the server also counts
//!   no message under its subject.
//! - **Order.** A stream has one order, and [`Reader::follow`] keeps it, without gap or duplicate,
//!   across restarts of anything. A subscription handles the commits of one aggregate in order as
//!   long as one process works and none fails. With several processes, after a crash, after
//!   [`HandlerError::RetryAfter`], and past a dead letter, a later commit can come first: a handler must
//!   bear that, and being called twice, by comparing versions or by looking at the newest state.
//! - **One's own writes are read.** [`Store::load`] sees every commit that was acknowledged before
//!   it was called, to anyone, as of the server that leads (see above). A read model does once it
//!   has folded [`CommandOutcome::sequence`].
//!
//! All this needs a NATS server of version 2.14.7 or later ([`OLDEST_SERVER`]): earlier ones give a
//! stream another identity after a restart, or skip messages for a consumer after a crash. An older
//! one is refused.
//!
//! ## What may be assumed after an error
//!
//! | error | took effect | then |
//! |---|---|---|
//! | [`CommandError::Refused`] | no | the domain's answer, on the newest state |
//! | [`StoreError::Unavailable`] | unknown | repeat with the same command id: safe whatever happened |
//! | [`StoreError::Conflict`] | no | repeat at once or later |
//! | [`StoreError::UnexpectedAnswer`] | unknown | a defect: repeating is useless |
//! | [`StoreError::InvalidId`], [`StoreError::TooLarge`], [`StoreError::Encode`], [`StoreError::Rejected`] | no | repeating is useless |
//! | [`StoreError::Unreadable`], [`StoreError::Hole`], [`StoreError::Gap`], [`StoreError::HistoryLost`] | no | the log needs a person (or an upcaster) |
//! | [`StoreError::TailLost`] | no | make anew what was made of the log |
//! | [`StoreError::StreamMismatch`], [`StoreError::StreamMissing`] | no | the stream needs a person |
//!
//! A command ends within [`LogConfig::command_timeout`] (1.8 s), waiting for others on the same
//! aggregate included; without a connection an append fails at once and is not sent later.
//!
//! ## Subscriptions
//!
//! A message is acknowledged after its handler succeeded. [`HandlerError::Poison`] and a panic are
//! tried again with growing pauses and then become a dead letter; messages of other aggregates go
//! on meanwhile. [`HandlerError::Unavailable`] is waited for without end and uses up no tries. What a
//! killed process had in hand is delivered to another after [`Subscription::redeliver_after`]
//! (5 s), and what a stopping one hands back, at once; a slow handler is not interrupted. A message
//! that was delivered often without an end is tried on its own, and set aside if that ended the process
//! three times; deliveries by themselves are never counted against it.
//!
//! A process has at most 1,000 messages of a subscription in hand. When more than half of the hand
//! waits for something that is away, messages are given back for a while (2 to 30 s), each with
//! those of its aggregate behind it, so that those that need nothing go on. The server keeps up to
//! 50,000 that way; beyond that a subscription stands still until something is handled.
//!
//! # What it doesn't do, and why
//!
//! - **Commits on several aggregates.** JetStream's atomic batch publish could, at 110 to 270
//!   batches a second, where single messages do thousands. What must be decided together belongs
//!   into one aggregate.
//! - **Loading through a consumer.** An aggregate has a handful of commits as a rule, and making a
//!   consumer costs more than reading them one by one with direct gets. Only one that is 64 events
//!   or more ahead of what is known is read through a consumer.
//! - **Expectations on a wildcard.** Filters that overlap were seen to let two writers win on three
//!   copies. What must be unique is an aggregate's id.
//! - **Snapshots.** Aggregates stay in memory; loading one anew has not been slow enough to pay for
//!   a second truth.
//! - **Message ids against duplicates** (`Nats-Msg-Id`). Their window is finite, and the command id
//!   in the commit does the same for ever.
//! - **Queries of the framework.** They run in the process that committed and are lost in its
//!   crash. Read models follow the log.
//!
//! # What it costs
//!
//! A command on an aggregate in memory is one round trip, a first one two or more; a load is one.
//! Seen on a machine with two cores, server included, with events of 300 bytes in file storage:
//!
//! | | a second |
//! |---|---|
//! | appends with an expectation, 1 / 16 / 64 at once | 2,400–2,800 / 12,300–18,900 / 27,300–28,500 |
//! | the same with `sync_interval: always` | 1,200 / 1,300 / 1,400 |
//! | direct gets of a subject's last message, 64 at once | 22,000–35,000 |
//! | loads of an aggregate through a new consumer | 700–950 |
//! | replay of a stream through one ordered consumer | 105,000–138,000 |
//!
//! A subject costs the server about 1.6 KB of memory. [`describe_metrics`] says what is measured.
#![deny(missing_docs)]

mod admin;
mod commit;
mod connection;
#[cfg(feature = "contract")]
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
pub mod trace;
mod worker;

pub use admin::{
    Backup, Change, ConsumerInfo, Import, Importer, Restoring, Snapshot, SnapshotHead, StreamInfo,
    StreamPlan, Streams, StreamsFound,
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
