//! The commit: all events of one command on one aggregate. A message holds one or more commits of
//! one aggregate.

mod encode;
mod envelope;
mod format1;
mod found;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod historical;
#[cfg(test)]
mod tests;
mod upcast;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::Value;
use std::{fmt, marker::PhantomData};
use uuid::Uuid;

use crate::{StoreError, StreamName};

pub(crate) use encode::{UnsavedCommit, UnsavedMessage};
pub(crate) use envelope::{commit_ids_of, commits_of, delivered, origin};
pub(crate) use found::{FoundMessage, Origin};
pub use historical::{HistoricalCommit, StoredEvent};
pub use upcast::Upcasters;

/// Limit for the commits of a message. Their places count to less than this, so that a sequence and
/// a place are one number: [`Commit::ordinal`].
pub(crate) const MOST_COMMITS: usize = 256;

/// The origin of a command. It is written into the commit that the command leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Identity of the command: a repeated command has the same, and takes effect once.
    pub command_id: Uuid,
    /// The start of the whole chain: the request's ID. At most 128 characters, like the actor and
    /// the trace context.
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
    /// The sequence of its message in that stream. Commits that were stored together share it.
    pub sequence: u64,
    /// Its place in the message, from 0.
    pub index: u32,
    /// Whether it is the last of its message. A reader can continue only behind it, and never within
    /// a message.
    pub is_last: bool,
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
    /// The stored events, as a JSON array.
    events: Bytes,
    upcasters: Upcasters,
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
struct WireEvent {
    #[serde(rename = "type")]
    event_type: String,
    version: String,
    /// Absent for an event without fields.
    #[serde(default)]
    data: Value,
}

/// An event exactly as this release writes it: first the version of its schema, of which the major
/// part is the one that this release knows, and then the event itself. Anything else is an error.
struct AsWritten<E>(E);

impl<'de, E: DomainEvent> Deserialize<'de> for AsWritten<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AsWrittenVisitor(PhantomData))
    }
}

struct AsWrittenVisitor<E>(PhantomData<E>);

impl<'de, E: DomainEvent> Visitor<'de> for AsWrittenVisitor<E> {
    type Value = AsWritten<E>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an event that begins with the version of its schema")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        if map.next_key::<&str>()? != Some("version") {
            return Err(M::Error::custom("it doesn't begin with a version"));
        }
        let schema: &str = map.next_value()?;
        // The rest of the object is the event: one pass over the text for both.
        let event = E::deserialize(MapAccessDeserializer::new(map))?;
        if major(schema) == major(&event.event_version()) {
            Ok(AsWritten(event))
        } else {
            Err(M::Error::custom("it is of another schema"))
        }
    }
}

/// The part of a schema version that changes when readers must change.
fn major(version: &str) -> &str {
    version.split_once('.').map_or(version, |(major, _)| major)
}

impl Commit {
    /// A number that puts the commits of a stream in order: larger than that of each commit before
    /// it. It is no place to continue from; that is a sequence.
    pub fn ordinal(&self) -> u64 {
        self.sequence
            .saturating_mul(MOST_COMMITS as u64)
            .saturating_add(self.index.into())
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
        let events: Vec<AsWritten<E>> = serde_json::from_slice(&self.events).ok()?;
        Some(events.into_iter().map(|AsWritten(event)| event).collect())
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
    /// [`StoreError::Unreadable`], when they aren't events.
    pub fn raw_events(&self) -> Result<Vec<RawEvent>, StoreError> {
        Ok(self
            .parse_events::<WireEvent>()?
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
    /// [`StoreError::Unreadable`], when they aren't events.
    pub fn event_count(&self) -> Result<u64, StoreError> {
        Ok(self.parse_events::<IgnoredAny>()?.len() as u64)
    }

    /// The stored events: a JSON array.
    pub fn events_json(&self) -> &Bytes {
        &self.events
    }

    /// Returns the events as they are stored, neither decoded nor upcast: for a copy of the log.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`], when they aren't events.
    pub fn stored_events(&self) -> Result<Vec<StoredEvent<'_>>, StoreError> {
        self.parse_events()
    }

    fn parse_events<'a, E: Deserialize<'a>>(&'a self) -> Result<Vec<E>, StoreError> {
        serde_json::from_slice(&self.events).map_err(|error| self.unreadable(error.to_string()))
    }

    fn unreadable(&self, why: String) -> StoreError {
        StoreError::Unreadable {
            stream: self.stream,
            sequence: self.sequence,
            why,
        }
    }
}
