//! A commit of the past: written as it was, with its ID and time.

use bytes::Bytes;
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use uuid::Uuid;

use super::{
    Commit, Metadata, Upcasters,
    encode::{headers_of, payload_of},
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
    payload: Bytes,
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

#[derive(Serialize)]
struct Payload<'a, 'e> {
    events: &'a [StoredEvent<'e>],
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
            payload: payload_of(events)?,
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
        let payload = serde_json::to_vec(&Payload { events })
            .map_err(|error| StoreError::Rejected(error.to_string()))?;
        Ok(Self {
            stream,
            aggregate_type: aggregate_type.to_owned(),
            aggregate_id,
            version,
            commit_id,
            metadata,
            payload: payload.into(),
        })
    }

    /// The stored payload.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Returns the commit as a reader finds it at this place of the log: for measuring, without a
    /// server, code that reads commits.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when a part of its metadata is too long.
    #[doc(hidden)]
    pub fn as_commit(&self, sequence: u64) -> Result<Commit, StoreError> {
        Commit::from_parts(
            self.stream,
            sequence,
            &self.stream.subject(&self.aggregate_id),
            &headers_of(
                &self.aggregate_type,
                self.version,
                self.commit_id,
                &self.metadata,
            )?,
            self.payload.clone(),
            self.metadata.time,
            &Upcasters::default(),
        )
    }
}
