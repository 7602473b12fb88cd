//! A place in the log: events, or an unreadable message.

use analysis::{EventRow, Finding, Rule};
use chrono::{DateTime, Utc};
use eventstore::{Commit, Log, StoreError, StreamName};
use serde::Serialize;

use crate::commands::CliError;

/// A row of a list.
#[derive(Debug)]
pub(super) enum Row {
    /// An event.
    Event(Box<EventRow>),
    /// An unreadable message.
    Unreadable(Unreadable),
}

/// An unreadable message, or a missing one.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Unreadable {
    pub stream: StreamName,
    pub sequence: u64,
    /// The time at which the server stored it; `None` if it is missing.
    pub stored_at: Option<DateTime<Utc>>,
    /// The aggregate in its subject.
    pub aggregate_id: Option<String>,
    /// Why it can't be read.
    pub why: String,
}

impl Row {
    /// Its stream.
    pub(super) fn stream(&self) -> StreamName {
        match self {
            Self::Event(event) => event.stream,
            Self::Unreadable(unreadable) => unreadable.stream,
        }
    }

    /// The place of its commit there: sequence, and place in the message.
    pub(super) fn place(&self) -> (u64, u32) {
        match self {
            Self::Event(event) => (event.sequence, event.commit_index),
            Self::Unreadable(unreadable) => (unreadable.sequence, 0),
        }
    }

    /// Its time, as far as it is known.
    pub(super) fn time(&self) -> DateTime<Utc> {
        match self {
            Self::Event(event) => event.time,
            Self::Unreadable(unreadable) => {
                unreadable.stored_at.unwrap_or(DateTime::<Utc>::MIN_UTC)
            }
        }
    }
}

/// A commit, or a finding in its place.
pub(super) type Found = Result<Commit, Finding>;

/// Converts an error into a finding, if it is about an unreadable message.
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

/// Reads an unreadable message, as far as possible.
pub(super) async fn look_at(log: &Log, finding: Finding) -> Result<Unreadable, CliError> {
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
