//! A message as it was found, whatever its format.

use async_nats::{HeaderMap, jetstream::message::StreamMessage};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::value::RawValue;

use super::Commit;
use crate::{StoreError, StreamName};

/// A message of a stream of commits, as it was found.
#[derive(Clone, Copy)]
pub(crate) struct FoundMessage<'a> {
    pub stream: StreamName,
    pub sequence: u64,
    pub subject: &'a str,
    pub headers: Option<&'a HeaderMap>,
    pub payload: &'a Bytes,
    pub stored_at: DateTime<Utc>,
}

/// Where a commit came from: the correlation ID, and the trace context if there was one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    pub correlation_id: Option<String>,
    pub trace_parent: Option<String>,
}

impl Origin {
    /// Where a commit came from.
    pub(crate) fn of(commit: &Commit) -> Self {
        Self {
            correlation_id: Some(commit.metadata.correlation_id.clone()),
            trace_parent: commit.metadata.trace_parent.clone(),
        }
    }
}

impl<'a> FoundMessage<'a> {
    /// A message that was read directly.
    pub(crate) fn read(stream: StreamName, message: &'a StreamMessage) -> Self {
        Self {
            stream,
            sequence: message.sequence,
            subject: &message.subject,
            headers: Some(&message.headers),
            payload: &message.payload,
            stored_at: message.time,
        }
    }

    /// The aggregate in the subject.
    pub(super) fn aggregate_id(self) -> Result<&'a str, StoreError> {
        self.stream.key_of(self.subject).ok_or_else(|| {
            self.unreadable(format!("subject {} is not of this stream", self.subject))
        })
    }

    /// A version that can be counted on from.
    pub(super) fn version(self, version: u64) -> Result<u64, StoreError> {
        if i64::try_from(version).is_err() {
            return Err(self.unreadable(format!("{version} is no version")));
        }
        Ok(version)
    }

    /// The part of the payload that holds events.
    pub(super) fn events(self, events: &RawValue) -> Result<Bytes, StoreError> {
        if !events.get().starts_with('[') {
            return Err(self.unreadable("its events are no list".to_owned()));
        }
        Ok(self.payload.slice_ref(events.get().as_bytes()))
    }

    pub(super) fn unreadable(self, why: String) -> StoreError {
        StoreError::Unreadable {
            stream: self.stream,
            sequence: self.sequence,
            why,
        }
    }
}
