//! Given, when, then: tests of handlers and folds without a server.
//!
//! ```
//! # use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
//! # use serde::{Deserialize, Serialize};
//! # #[derive(Clone, Default, Serialize, Deserialize)]
//! # struct Account;
//! # #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
//! # #[serde(tag = "type", content = "data")]
//! # enum AccountEvent { Deposited { cents: i64 } }
//! # impl DomainEvent for AccountEvent {
//! #     fn event_type(&self) -> String { "Deposited".to_owned() }
//! #     fn event_version(&self) -> String { "1.0".to_owned() }
//! # }
//! # impl Aggregate for Account {
//! #     const TYPE: &'static str = "account";
//! #     type Command = ();
//! #     type Event = AccountEvent;
//! #     type Error = std::fmt::Error;
//! #     type Services = ();
//! #     async fn handle(&mut self, _: (), (): &(), _: &EventSink<Self>) -> Result<(), Self::Error> { Ok(()) }
//! #     fn apply(&mut self, _: AccountEvent) {}
//! # }
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! use eventstore::{Commit, HandlerError, StreamName, testing::{Outcome, given}};
//!
//! # const ACCOUNTS: StreamName = StreamName::new("ACCOUNTS");
//! async fn receipt(commit: Commit) -> Result<(), HandlerError> {
//!     for (_, event) in commit.decode::<AccountEvent>()? {
//!         let AccountEvent::Deposited { cents } = event;
//!         if cents < 0 {
//!             return Err(HandlerError::Poison(format!("{cents} cents")));
//!         }
//!     }
//!     Ok(())
//! }
//!
//! let commit = given::<Account>(ACCOUNTS, "ann")
//!     .events([AccountEvent::Deposited { cents: 500 }])
//!     .when([AccountEvent::Deposited { cents: -1 }]);
//! assert_eq!(commit.version, 1);
//! let outcome = eventstore::testing::deliver(receipt, commit).await;
//! assert_eq!(outcome, Outcome::SetAside("-1 cents".to_owned()));
//! # }
//! ```

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use std::{marker::PhantomData, time::Duration};
use uuid::Uuid;

use crate::{Commit, HandlerError, HistoricalCommit, Metadata, StreamName};

/// The history of one aggregate, as far as a test needs it.
#[derive(Clone, Debug)]
pub struct Given<A> {
    stream: StreamName,
    id: String,
    /// How many events there are.
    version: u64,
    /// How many commits there are in the stream.
    sequence: u64,
    metadata: Metadata,
    aggregate: PhantomData<A>,
}

/// An aggregate without a history.
pub fn given<A: Aggregate>(stream: StreamName, id: &str) -> Given<A> {
    Given {
        stream,
        id: id.to_owned(),
        version: 0,
        sequence: 0,
        metadata: Metadata::of_request(Uuid::nil(), "request", "tester", DateTime::UNIX_EPOCH),
        aggregate: PhantomData,
    }
}

impl<A: Aggregate> Given<A> {
    /// Adds a commit of these events to the history.
    #[must_use]
    pub fn events(mut self, events: impl IntoIterator<Item = A::Event>) -> Self {
        self.version += events.into_iter().count() as u64;
        self.sequence += 1;
        self
    }

    /// Who asked for the commit that comes next, when, and by what command.
    #[must_use]
    pub fn by(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// At what time the commit that comes next is made.
    #[must_use]
    pub fn at(mut self, time: DateTime<Utc>) -> Self {
        self.metadata.time = time;
        self
    }

    /// The commit of these events, as a worker or a fold gets it. Its id follows from its place, so
    /// that it is the same each time.
    ///
    /// # Panics
    /// If the events can't be stored.
    pub fn when(&self, events: impl IntoIterator<Item = A::Event>) -> Commit {
        let events: Vec<A::Event> = events.into_iter().collect();
        let place = (self.stream, A::TYPE, self.id.clone());
        let sequence = self.sequence + 1;
        let name = format!("{}.{}#{sequence}", self.stream, self.id);
        let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes());
        HistoricalCommit::new(place, self.version, id, self.metadata.clone(), &events)
            .and_then(|commit| commit.as_commit(sequence))
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

/// What a worker does with a commit after its handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is acknowledged.
    Handled,
    /// It is tried again when what the handler needs is back, without end.
    WaitsFor(String),
    /// It is delivered again after this time.
    DeliveredAgainAfter(Duration),
    /// It is tried some times more, and then a dead letter.
    SetAside(String),
}

/// Hands a commit to the handler of a worker, once.
pub async fn deliver<F, Fut>(handler: F, commit: Commit) -> Outcome
where
    F: FnOnce(Commit) -> Fut,
    Fut: Future<Output = Result<(), HandlerError>>,
{
    match handler(commit).await {
        Ok(()) => Outcome::Handled,
        Err(HandlerError::Unavailable(why)) => Outcome::WaitsFor(why),
        Err(HandlerError::RetryAfter(pause)) => Outcome::DeliveredAgainAfter(pause),
        Err(HandlerError::Poison(why)) => Outcome::SetAside(why),
    }
}
