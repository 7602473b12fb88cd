//! The commit: all events of one command on one aggregate, as one message.

mod encode;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod historical;
#[cfg(test)]
mod tests;
mod upcast;

use async_nats::{
    HeaderMap, HeaderName,
    jetstream::{self, message::StreamMessage},
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use std::borrow::Cow;
use uuid::Uuid;

use crate::{
    StoreError, StreamName,
    error::unexpected,
    server_answer::{forged, is_server_answer},
};

use encode::decoded;
pub(crate) use encode::{UnsavedCommit, headers_of};
pub use historical::{HistoricalCommit, StoredEvent};
pub use upcast::Upcasters;

/// Parsed once: a header name that is given as text is checked and allocated at each use, nine
/// times per commit that is read.
mod header {
    use async_nats::HeaderName;

    pub static COMMIT_ID: HeaderName = HeaderName::from_static("Commit-Id");
    pub static AGGREGATE_TYPE: HeaderName = HeaderName::from_static("Aggregate-Type");
    pub static VERSION: HeaderName = HeaderName::from_static("Aggregate-Version");
    pub static COMMAND_ID: HeaderName = HeaderName::from_static("Command-Id");
    pub static CORRELATION_ID: HeaderName = HeaderName::from_static("Correlation-Id");
    pub static CAUSATION_ID: HeaderName = HeaderName::from_static("Causation-Id");
    pub static ACTOR: HeaderName = HeaderName::from_static("Actor");
    pub static TIME: HeaderName = HeaderName::from_static("Commit-Time");
    pub static TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
}

/// The origin of a command. It is written into the commit that the command leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Identity of the command: a repeated command has the same, and takes effect once.
    pub command_id: Uuid,
    /// The start of the whole chain: the request's ID. At most 128 visible ASCII characters.
    pub correlation_id: String,
    /// The commit that caused this command; `None` if a request did.
    pub causation_id: Option<Uuid>,
    /// The author: a user's ID, or the name of a worker.
    pub actor: String,
    /// The time, by the clock of the process that accepted the command.
    pub time: DateTime<Utc>,
    /// W3C trace context of the span that accepted the command.
    pub trace_parent: Option<String>,
}

impl Metadata {
    /// Metadata of a command from a request.
    pub fn of_request(
        command_id: Uuid,
        request_id: impl Into<String>,
        actor: impl Into<String>,
        time: DateTime<Utc>,
    ) -> Self {
        Self {
            command_id,
            correlation_id: request_id.into(),
            causation_id: None,
            actor: actor.into(),
            time,
            trace_parent: None,
        }
    }

    /// Metadata of a command that a commit causes. Its ID derives from that commit, the worker's
    /// name and `what`, so a redelivered commit leads to the same command.
    pub fn caused_by(cause: &Commit, reactor: &str, what: &str, time: DateTime<Utc>) -> Self {
        Self {
            command_id: Uuid::new_v5(&cause.commit_id, format!("{reactor}:{what}").as_bytes()),
            correlation_id: cause.metadata.correlation_id.clone(),
            causation_id: Some(cause.commit_id),
            actor: reactor.to_owned(),
            time,
            trace_parent: cause.metadata.trace_parent.clone(),
        }
    }
}

/// A commit in the log.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Its stream.
    pub stream: StreamName,
    /// Its sequence in that stream.
    pub sequence: u64,
    /// The aggregate.
    pub aggregate_id: String,
    /// The aggregate's type.
    pub aggregate_type: String,
    /// The aggregate's version of the commit's first event; the first event ever has 0.
    pub version: u64,
    /// Identity of the commit.
    pub commit_id: Uuid,
    /// Its origin.
    pub metadata: Metadata,
    /// The time at which the server stored it.
    pub stored_at: DateTime<Utc>,
    payload: Bytes,
    upcasters: Upcasters,
}

/// Returns the correlation ID and the trace context of a message, as far as its headers contain
/// them.
pub(crate) fn origin(headers: &HeaderMap) -> (Option<&str>, Option<&str>) {
    let text = |name: &HeaderName| {
        headers
            .get(name.clone())
            .map(async_nats::HeaderValue::as_str)
    };
    (text(&header::CORRELATION_ID), text(&header::TRACE_PARENT))
}

/// Returns the ID of the commit in a message; `None` if the message is no commit.
pub(crate) fn commit_id_of(headers: &HeaderMap) -> Option<Uuid> {
    let id = headers.get(header::COMMIT_ID.clone())?;
    Uuid::parse_str(id.as_str()).ok()
}

/// One event of a commit, undecoded.
#[derive(Clone, Debug)]
pub struct RawEvent {
    /// The place of the event in its aggregate, from 0.
    pub version: u64,
    /// Type of the event.
    pub event_type: String,
    /// Version of the event's schema.
    pub schema: String,
    /// The event's fields.
    pub data: Value,
}

#[derive(Deserialize)]
struct Events<E> {
    events: Vec<E>,
}

#[derive(Deserialize)]
struct WireEvent {
    #[serde(rename = "type")]
    event_type: String,
    version: String,
    /// Absent for an event without fields.
    #[serde(default)]
    data: Value,
}

/// The schema version of an event, and nothing else of it.
#[derive(Deserialize)]
struct Schema<'a> {
    #[serde(borrow)]
    version: Cow<'a, str>,
}

/// The part of a schema version that changes when readers must change.
fn major(version: &str) -> &str {
    version.split_once('.').map_or(version, |(major, _)| major)
}

impl Commit {
    /// Reads a stored message.
    pub(crate) fn parse(
        stream: StreamName,
        message: StreamMessage,
        upcasters: &Upcasters,
    ) -> Result<Self, StoreError> {
        Self::from_parts(
            stream,
            message.sequence,
            &message.subject,
            &message.headers,
            message.payload,
            message.time,
            upcasters,
        )
    }

    /// Reads a message that a consumer delivered.
    pub(crate) fn delivered(
        stream: StreamName,
        message: &jetstream::Message,
        upcasters: &Upcasters,
    ) -> Result<Self, StoreError> {
        let info = message
            .info()
            .map_err(unexpected("reading a delivered message"))?;
        let none = HeaderMap::new();
        let headers = message.headers.as_ref().unwrap_or(&none);
        if is_server_answer(headers) {
            return Err(forged(stream, info.stream_sequence));
        }
        Self::from_parts(
            stream,
            info.stream_sequence,
            &message.subject,
            headers,
            message.payload.clone(),
            info.published,
            upcasters,
        )
    }

    pub(crate) fn from_parts(
        stream: StreamName,
        sequence: u64,
        subject: &str,
        headers: &HeaderMap,
        payload: Bytes,
        stored_at: DateTime<Utc>,
        upcasters: &Upcasters,
    ) -> Result<Self, StoreError> {
        let unreadable = |why: String| StoreError::Unreadable {
            stream,
            sequence,
            why,
        };
        let text = |name: &HeaderName| {
            headers
                .get(name.clone())
                .map(async_nats::HeaderValue::as_str)
        };
        let required = |name: &HeaderName| {
            text(name).ok_or_else(|| unreadable(format!("header {name} is missing")))
        };
        let uuid = |name: &HeaderName, text: &str| {
            Uuid::parse_str(text)
                .map_err(|_| unreadable(format!("header {name} is no UUID: {text:?}")))
        };
        let time = required(&header::TIME)?;
        let version = required(&header::VERSION)?;
        Ok(Self {
            stream,
            sequence,
            aggregate_id: stream
                .key_of(subject)
                .ok_or_else(|| unreadable(format!("subject {subject} is not of this stream")))?
                .to_owned(),
            aggregate_type: required(&header::AGGREGATE_TYPE)?.to_owned(),
            version: version.parse().map_err(|_| {
                unreadable(format!(
                    "header {} is no number: {version:?}",
                    header::VERSION
                ))
            })?,
            commit_id: uuid(&header::COMMIT_ID, required(&header::COMMIT_ID)?)?,
            metadata: Metadata {
                command_id: uuid(&header::COMMAND_ID, required(&header::COMMAND_ID)?)?,
                correlation_id: decoded(required(&header::CORRELATION_ID)?),
                causation_id: text(&header::CAUSATION_ID)
                    .map(|text| uuid(&header::CAUSATION_ID, text))
                    .transpose()?,
                actor: decoded(required(&header::ACTOR)?),
                time: DateTime::parse_from_rfc3339(time)
                    .map_err(|_| {
                        unreadable(format!("header {} is no time: {time:?}", header::TIME))
                    })?
                    .to_utc(),
                trace_parent: text(&header::TRACE_PARENT).map(ToOwned::to_owned),
            },
            stored_at,
            payload,
            upcasters: upcasters.clone(),
        })
    }

    /// Decodes the events, each with its place in the aggregate (from 0), upcast to the newest
    /// schema.
    ///
    /// An event whose schema has a different major version than this release writes is not decoded,
    /// even if it could be parsed: the same fields may mean something else.
    ///
    /// # Errors
    /// With stream and sequence: [`StoreError::Unreadable`] when this is no commit,
    /// [`StoreError::UnsupportedSchema`] when this release doesn't know the form of an event.
    pub fn decode<E: DomainEvent>(&self) -> Result<Vec<(u64, E)>, StoreError> {
        let known = if self.upcasters.is_empty() {
            self.decode_as_written()
        } else {
            None
        };
        let events = match known {
            Some(events) => events,
            None => self.decode_one_by_one()?,
        };
        Ok((self.version..).zip(events).collect())
    }

    /// The fast path; `None` for anything unusual.
    fn decode_as_written<E: DomainEvent>(&self) -> Option<Vec<E>> {
        let events = self.parse_payload::<E>().ok()?;
        let schemas = self.parse_payload::<Schema<'_>>().ok()?;
        let mut pairs = events.iter().zip(&schemas);
        pairs
            .all(|(event, schema)| major(&schema.version) == major(&event.event_version()))
            .then_some(events)
    }

    /// The slow path: upcasts, and reports which event is wrong.
    fn decode_one_by_one<E: DomainEvent>(&self) -> Result<Vec<E>, StoreError> {
        let events = self.raw_events()?.into_iter().map(|raw| {
            let mut wire = serde_json::json!({ "type": raw.event_type });
            if !raw.data.is_null() {
                wire["data"] = raw.data;
            }
            let of_another_release = |why: String| StoreError::UnsupportedSchema {
                stream: self.stream,
                sequence: self.sequence,
                event_type: raw.event_type.clone(),
                schema: raw.schema.clone(),
                why,
            };
            let event: E = serde_json::from_value(wire)
                .map_err(|error| of_another_release(error.to_string()))?;
            let known = event.event_version();
            if major(&raw.schema) == major(&known) {
                Ok(event)
            } else {
                Err(of_another_release(format!("schema {known} is expected")))
            }
        });
        events.collect()
    }

    /// Returns the events as generic data, upcast to the newest schema.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`], when the payload isn't a commit.
    pub fn raw_events(&self) -> Result<Vec<RawEvent>, StoreError> {
        Ok(self
            .parse_payload::<WireEvent>()?
            .into_iter()
            .zip(self.version..)
            .map(|(event, version)| {
                self.upcasters
                    .upcast(self, version, event.event_type, event.version, event.data)
            })
            .collect())
    }

    /// Number of events in the commit.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`], when the payload isn't a commit.
    pub fn event_count(&self) -> Result<u64, StoreError> {
        Ok(self.parse_payload::<&RawValue>()?.len() as u64)
    }

    /// The stored payload.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Returns the events as they are stored, neither decoded nor upcast: for a copy of the log.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`], when the payload isn't a commit.
    pub fn stored_events(&self) -> Result<Vec<StoredEvent<'_>>, StoreError> {
        self.parse_payload()
    }

    fn parse_payload<'a, E: Deserialize<'a>>(&'a self) -> Result<Vec<E>, StoreError> {
        serde_json::from_slice::<Events<E>>(&self.payload)
            .map(|payload| payload.events)
            .map_err(|error| self.unreadable(error.to_string()))
    }

    fn unreadable(&self, why: String) -> StoreError {
        StoreError::Unreadable {
            stream: self.stream,
            sequence: self.sequence,
            why,
        }
    }
}
