//! Decides commands with the real aggregates, and keeps the resulting events as commits.

use chrono::{DateTime, Utc};
use domain::{Decide, UserId, policies::Reaction};
use eventstore::{HistoricalCommit, Metadata, StreamName};
use std::{collections::VecDeque, sync::Arc};
use uuid::Uuid;

use crate::{error::SimulationError, rng::Rng};

/// Totals of a simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Commits.
    pub commits: u64,
    /// Events.
    pub events: u64,
    /// Commands that the aggregates refused, which leave nothing in the log.
    pub refused: u64,
}

/// A commit that may cause others.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    commit: Uuid,
    correlation: Arc<str>,
}

/// The origin of a command.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub command: Uuid,
    correlation: Arc<str>,
    cause: Option<Uuid>,
    actor: Arc<str>,
}

impl Origin {
    /// A user's request.
    pub fn request(rng: &mut Rng, actor: UserId) -> Self {
        Self {
            command: rng.id(),
            correlation: rng.id().to_string().into(),
            cause: None,
            actor: actor.to_string().into(),
        }
    }

    /// A worker's reaction to a commit, with the same ID as a real worker's
    /// ([`Metadata::caused_by`]), so that a worker which sees the commit again repeats this command
    /// instead of sending another.
    pub fn worker(cause: &Cause, worker: &'static str, key: &str) -> Self {
        Self {
            command: Uuid::new_v5(&cause.commit, format!("{worker}:{key}").as_bytes()),
            correlation: cause.correlation.clone(),
            cause: Some(cause.commit),
            actor: worker.into(),
        }
    }

    /// One of several commands of a request.
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

/// A worker's command that is not sent yet.
#[derive(Clone, Debug)]
pub(crate) struct Pending<C> {
    pub command: C,
    pub origin: Origin,
}

impl<C> Pending<C> {
    pub fn new(worker: &'static str, cause: &Cause, reaction: Reaction<C>) -> Self {
        Self {
            origin: Origin::worker(cause, worker, &reaction.key),
            command: reaction.command,
        }
    }
}

/// The result of a command.
#[derive(Debug)]
pub(crate) struct Decided<E> {
    pub cause: Cause,
    /// The events, each with its version.
    pub events: Vec<(u64, E)>,
}

/// An aggregate in its current state.
#[derive(Clone, Debug)]
pub(crate) struct Tracked<A> {
    stream: StreamName,
    id: Uuid,
    pub state: A,
    pub version: u64,
}

impl<A: Default> Tracked<A> {
    pub fn new(stream: StreamName, id: Uuid) -> Self {
        Self {
            stream,
            id,
            state: A::default(),
            version: 0,
        }
    }
}

/// The history so far that wasn't taken yet.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    pub commits: VecDeque<HistoricalCommit>,
    pub tally: Tally,
}

impl Recorder {
    /// Has an aggregate decide a command. Returns `None` if it refuses, or nothing changes.
    pub fn execute<A: Decide>(
        &mut self,
        aggregate: &mut Tracked<A>,
        command: A::Command,
        origin: &Origin,
        now: DateTime<Utc>,
        rng: &mut Rng,
    ) -> Result<Option<Decided<A::Event>>, SimulationError> {
        let Ok(events) = aggregate.state.decide(command) else {
            self.tally.refused += 1;
            return Ok(None);
        };
        if events.is_empty() {
            return Ok(None);
        }
        let commit = rng.id_at(now.timestamp_millis());
        self.commits.push_back(HistoricalCommit::new(
            (aggregate.stream, A::TYPE, aggregate.id.to_string()),
            aggregate.version,
            commit,
            origin.metadata(now),
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
        Ok(Some(Decided {
            cause,
            events: (first..).zip(events).collect(),
        }))
    }
}
