//! What stands at a place of the log: events, or something that can't be read.

use analysis::{EventRow, Finding, Rule};
use chrono::{DateTime, Utc};
use eventstore::{Commit, Log, StoreError, StreamName};
use serde::Serialize;

use crate::commands::CommandError;

/// A row of a list.
#[derive(Debug)]
pub(super) enum Row {
    /// An event.
    Event(Box<EventRow>),
    /// Something else.
    Unreadable(Unreadable),
}

/// What stands where a commit should be.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Unreadable {
    pub stream: StreamName,
    pub sequence: u64,
    /// When the server stored it; none if nothing is there.
    pub stored_at: Option<DateTime<Utc>>,
    /// The aggregate that its subject names.
    pub aggregate_id: Option<String>,
    /// What is wrong with it.
    pub why: String,
}

impl Row {
    /// The stream that it is in.
    pub(super) fn stream(&self) -> StreamName {
        match self {
            Self::Event(event) => event.stream,
            Self::Unreadable(unreadable) => unreadable.stream,
        }
    }

    /// Its place there.
    pub(super) fn sequence(&self) -> u64 {
        match self {
            Self::Event(event) => event.sequence,
            Self::Unreadable(unreadable) => unreadable.sequence,
        }
    }

    /// When it happened, as far as that is known.
    pub(super) fn time(&self) -> DateTime<Utc> {
        match self {
            Self::Event(event) => event.time,
            Self::Unreadable(unreadable) => {
                unreadable.stored_at.unwrap_or(DateTime::<Utc>::MIN_UTC)
            }
        }
    }
}

/// A commit, or what is wrong with what is in its place.
pub(super) type Found = Result<Commit, Finding>;

/// Takes an error for what is found at its place, if it is one that says that it can't be read.
pub(super) fn as_found(error: StoreError) -> Result<Finding, StoreError> {
    match error {
        StoreError::Unreadable {
            stream,
            sequence,
            why,
        } => Ok(Finding {
            stream,
            sequence,
            rule: Rule::KnownTypes,
            what: why,
        }),
        other => Err(other),
    }
}

/// Looks at what can't be read, as far as it can be looked at.
pub(super) async fn look_at(log: &Log, finding: Finding) -> Result<Unreadable, CommandError> {
    let Finding {
        stream,
        sequence,
        what,
        ..
    } = finding;
    let message = log.reader().stored_message(stream, sequence).await?;
    Ok(Unreadable {
        stream,
        sequence,
        stored_at: message.as_ref().map(|message| message.stored_at),
        aggregate_id: message.and_then(|message| message.key().map(ToOwned::to_owned)),
        why: what,
    })
}
