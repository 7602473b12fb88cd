//! Deciding commands with the real aggregates, and keeping what follows as commits.

use chrono::{DateTime, Utc};
use cqrs_es::{Aggregate, DomainEvent};
use domain::{Decide, InvalidEmail, InvalidPrice, InvalidTitle, UserId};
use eventstore::{HistoricalCommit, Metadata, StoreError, StreamName};
use std::{collections::VecDeque, sync::Arc};
use uuid::Uuid;

use crate::{dice::Dice, market::Tally};

/// A season that could not be made or written.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeasonError {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] StoreError),
    /// There is history already.
    #[error("the log isn't empty: {stream} ends at #{last}")]
    NotEmpty {
        /// A stream that holds something.
        stream: StreamName,
        /// Its last sequence.
        last: u64,
    },
    /// This very season is in the log.
    #[error("this season is in the log already; another seed is another season")]
    Again,
    /// It would end after the moment at which it is written.
    #[error("the season would end on {0}, which is yet to come")]
    NotOver(DateTime<Utc>),
    /// A made-up title is none.
    #[error(transparent)]
    Title(#[from] InvalidTitle),
    /// A made-up price is none.
    #[error(transparent)]
    Price(#[from] InvalidPrice),
    /// A made-up address is none.
    #[error(transparent)]
    Email(#[from] InvalidEmail),
}

/// A commit that others may follow from.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    commit: Uuid,
    correlation: Arc<str>,
}

/// Where a command comes from.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub command: Uuid,
    correlation: Arc<str>,
    cause: Option<Uuid>,
    actor: Arc<str>,
}

impl Origin {
    /// Somebody's request.
    pub fn request(dice: &mut Dice, actor: UserId) -> Self {
        Self {
            command: dice.id(),
            correlation: dice.id().to_string().into(),
            cause: None,
            actor: actor.to_string().into(),
        }
    }

    /// What a worker does because of a commit: the same identity as a real worker's
    /// ([`Metadata::caused_by`]), so that one which sees the commit again repeats this command and
    /// doesn't make another.
    pub fn reaction(cause: &Cause, worker: &'static str, what: &str) -> Self {
        Self {
            command: Uuid::new_v5(&cause.commit, format!("{worker}:{what}").as_bytes()),
            correlation: cause.correlation.clone(),
            cause: Some(cause.commit),
            actor: worker.into(),
        }
    }

    /// One of several commands that a request leads to.
    pub fn step(&self, what: &str) -> Self {
        Self {
            command: Uuid::new_v5(&self.command, what.as_bytes()),
            ..self.clone()
        }
    }

    fn metadata(&self, time: DateTime<Utc>) -> Metadata {
        Metadata {
            causation_id: self.cause,
            ..Metadata::of_request(self.command, &*self.correlation, &*self.actor, time)
        }
    }
}

/// What a command led to.
#[derive(Debug)]
pub(crate) struct Done<E> {
    pub cause: Cause,
    /// The event, with the aggregate's version.
    pub events: Vec<(u64, E)>,
}

/// An aggregate as it is now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept<A> {
    pub state: A,
    pub version: u64,
}

/// What happened so far and wasn't taken yet.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub commits: VecDeque<HistoricalCommit>,
    pub tally: Tally,
}

impl Record {
    /// Lets an aggregate decide a command. Gives nothing if it refuses, or finds nothing to do.
    pub fn execute<A>(
        &mut self,
        (stream, id): (StreamName, Uuid),
        aggregate: &mut Kept<A>,
        command: A::Command,
        (origin, at, dice): (&Origin, DateTime<Utc>, &mut Dice),
    ) -> Result<Option<Done<A::Event>>, SeasonError>
    where
        A: Decide + Aggregate,
        A::Event: DomainEvent,
    {
        let Ok(events) = aggregate.state.decide(command) else {
            self.tally.refused += 1;
            return Ok(None);
        };
        if events.is_empty() {
            return Ok(None);
        }
        let commit = dice.id_at(at.timestamp_millis());
        let place = (stream, A::TYPE, id.to_string());
        let metadata = origin.metadata(at);
        self.commits.push_back(HistoricalCommit::new(
            place,
            aggregate.version,
            commit,
            metadata,
            &events,
        )?);
        self.tally.commits += 1;
        self.tally.events += events.len() as u64;
        let first = aggregate.version;
        aggregate.version += events.len() as u64;
        for event in events.clone() {
            aggregate.state.apply(event);
        }
        let cause = Cause {
            commit,
            correlation: origin.correlation.clone(),
        };
        Ok(Some(Done {
            cause,
            events: (first..).zip(events).collect(),
        }))
    }
}
