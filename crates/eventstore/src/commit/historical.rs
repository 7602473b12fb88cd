//! A commit of the past: written as it was, with its ID and time.

use bytes::Bytes;
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::value::RawValue;
use std::borrow::Cow;
use uuid::Uuid;

use super::{
    Commit, FoundMessage, MOST_COMMITS, Metadata, UnsavedCommit, UnsavedMessage, Upcasters,
    commits_of, encode,
};
use crate::{StoreError, StreamName};

/// A commit that is written as it was, with its ID and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoricalCommit {
    /// Its stream.
    pub stream: StreamName,
    /// The aggregate's type.
    pub aggregate_type: String,
    /// The aggregate.
    pub aggregate_id: String,
    /// The aggregate's version of the commit's first event; the first event ever has 0.
    pub version: u64,
    /// Identity of the commit: others may name it as their cause.
    pub commit_id: Uuid,
    /// Where it came from, and when.
    pub metadata: Metadata,
    /// The stored events, as a JSON array.
    events: Bytes,
}

/// An event as it is stored, byte for byte and not parsed.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct StoredEvent<'a> {
    /// Version of the event's schema.
    #[serde(borrow)]
    pub version: Cow<'a, str>,
    /// Type of the event.
    #[serde(rename = "type", borrow)]
    pub event_type: Cow<'a, str>,
    /// The event's fields; absent for an event without any.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub data: Option<&'a RawValue>,
}

impl HistoricalCommit {
    /// Creates a commit of events on an aggregate, given by stream, type and ID.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when an event can't be serialized so that it can be read back.
    pub fn new<E: DomainEvent>(
        (stream, aggregate_type, aggregate_id): (StreamName, &str, String),
        version: u64,
        commit_id: Uuid,
        metadata: Metadata,
        events: &[E],
    ) -> Result<Self, StoreError> {
        Ok(Self {
            stream,
            aggregate_type: aggregate_type.to_owned(),
            aggregate_id,
            version,
            commit_id,
            metadata,
            events: encode::events_json(events)?.into(),
        })
    }

    /// The same with the stored form of events.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when they can't be serialized.
    pub fn of_stored(
        (stream, aggregate_type, aggregate_id): (StreamName, &str, String),
        version: u64,
        commit_id: Uuid,
        metadata: Metadata,
        events: &[StoredEvent<'_>],
    ) -> Result<Self, StoreError> {
        let events =
            serde_json::to_vec(events).map_err(|error| StoreError::Rejected(error.to_string()))?;
        Ok(Self {
            stream,
            aggregate_type: aggregate_type.to_owned(),
            aggregate_id,
            version,
            commit_id,
            metadata,
            events: events.into(),
        })
    }

    /// The stored events: a JSON array.
    pub fn events_json(&self) -> &Bytes {
        &self.events
    }

    /// Returns the commit as a reader finds it at this place of the log: for measuring, without a
    /// server, code that reads commits.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when a part of its metadata is too long.
    #[doc(hidden)]
    pub fn as_commit(&self, sequence: u64) -> Result<Commit, StoreError> {
        let none = || StoreError::Rejected("it is read as no commit".to_owned());
        let commits = Self::as_commits(std::slice::from_ref(self), sequence)?;
        commits.into_iter().next().ok_or_else(none)
    }

    /// The same for commits that share a message; see [`Import::append`](crate::Import::append).
    ///
    /// # Errors
    /// [`StoreError::Rejected`] as there.
    #[doc(hidden)]
    pub fn as_commits(commits: &[Self], sequence: u64) -> Result<Vec<Commit>, StoreError> {
        let payload = Self::message(commits)?;
        let Some(first) = commits.first() else {
            return Ok(Vec::new());
        };
        let message = FoundMessage {
            stream: first.stream,
            sequence,
            subject: &first.stream.subject(&first.aggregate_id),
            headers: None,
            payload: &payload,
            stored_at: first.metadata.time,
        };
        commits_of(message, &Upcasters::default())
    }

    /// The message of commits, which must follow one another in one aggregate.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when they don't, or a part of their metadata is too long.
    pub(crate) fn message(commits: &[Self]) -> Result<Bytes, StoreError> {
        let first = commits.first().ok_or_else(|| {
            StoreError::Rejected("a message holds at least one commit".to_owned())
        })?;
        if commits.len() > MOST_COMMITS {
            return Err(StoreError::Rejected(format!(
                "{} commits can't share a message; at most {MOST_COMMITS} are expected",
                commits.len()
            )));
        }
        let mut message = UnsavedMessage::new(&first.aggregate_type, first.version)?;
        let mut version = first.version;
        for commit in commits {
            let place = |it: &Self| {
                (
                    it.stream,
                    it.aggregate_type.clone(),
                    it.aggregate_id.clone(),
                )
            };
            if place(commit) != place(first) || commit.version != version {
                return Err(StoreError::Rejected(format!(
                    "commit {} does not continue {}.{} at version {version}",
                    commit.commit_id, first.stream, first.aggregate_id
                )));
            }
            let events: Vec<IgnoredAny> = serde_json::from_slice(&commit.events)
                .map_err(|error| StoreError::Rejected(error.to_string()))?;
            version += events.len() as u64;
            let (id, metadata) = (commit.commit_id, &commit.metadata);
            message.push(&UnsavedCommit::with_events(id, metadata, &commit.events)?);
        }
        Ok(message.into_payload())
    }
}
