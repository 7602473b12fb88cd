//! Writing a commit: what it says of itself in headers, and its events as they stay for good.

use async_nats::HeaderMap;
use bytes::Bytes;
use chrono::SecondsFormat;
use cqrs_es::DomainEvent;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{Metadata, header};
use crate::StoreError;

/// A commit to be appended.
pub(crate) struct NewCommit {
    pub id: Uuid,
    pub headers: HeaderMap,
    pub payload: Bytes,
}

impl NewCommit {
    /// Encodes events, as [`payload_of`] does, under a new id.
    pub(crate) fn encode<E: DomainEvent + DeserializeOwned>(
        aggregate_type: &str,
        version: u64,
        events: &[E],
        metadata: &Metadata,
    ) -> Result<Self, StoreError> {
        let id = Uuid::now_v7();
        Ok(Self {
            id,
            headers: headers_of(aggregate_type, version, id, metadata),
            payload: payload_of(events)?,
        })
    }
}

/// The payload that holds events. They must serialize as `{"type": …, "data": …}` (serde's adjacent
/// tagging), which is checked here, because a commit that can't be read back must never be stored.
pub(crate) fn payload_of<E: DomainEvent>(events: &[E]) -> Result<Bytes, StoreError> {
    let mut payload = br#"{"events":["#.to_vec();
    for (i, event) in events.iter().enumerate() {
        let refuse = |why: String| {
            StoreError::Refused(format!("{} can't be stored: {why}", event.event_type()))
        };
        let json = serde_json::to_vec(event).map_err(|error| refuse(error.to_string()))?;
        // The schema version is spliced in front instead of going through a generic value: this is
        // on the path of every command.
        let tagged = json
            .strip_prefix(b"{")
            .filter(|rest| rest.starts_with(br#""type":"#));
        let rest = tagged.ok_or_else(|| refuse("it has no type tag".to_owned()))?;
        if i > 0 {
            payload.push(b',');
        }
        let schema = serde_json::to_vec(&event.event_version());
        payload.extend_from_slice(br#"{"version":"#);
        payload.extend_from_slice(&schema.map_err(|error| refuse(error.to_string()))?);
        payload.push(b',');
        payload.extend_from_slice(rest);
    }
    payload.extend_from_slice(b"]}");
    Ok(payload.into())
}

/// The headers of a commit.
pub(crate) fn headers_of(
    aggregate_type: &str,
    version: u64,
    commit_id: Uuid,
    metadata: &Metadata,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::COMMIT_ID.clone(), commit_id.to_string());
    headers.insert(header::AGGREGATE_TYPE.clone(), aggregate_type);
    headers.insert(header::VERSION.clone(), version.to_string());
    headers.insert(header::COMMAND_ID.clone(), metadata.command_id.to_string());
    headers.insert(
        header::CORRELATION_ID.clone(),
        header_safe(&metadata.correlation_id),
    );
    headers.insert(header::ACTOR.clone(), header_safe(&metadata.actor));
    headers.insert(
        header::TIME.clone(),
        metadata.time.to_rfc3339_opts(SecondsFormat::Micros, true),
    );
    if let Some(causation_id) = metadata.causation_id {
        headers.insert(header::CAUSATION_ID.clone(), causation_id.to_string());
    }
    if let Some(trace_parent) = &metadata.trace_parent {
        headers.insert(header::TRACE_PARENT.clone(), header_safe(trace_parent));
    }
    headers
}

/// Drops what could end a header line: a value from outside must not become a second header.
fn header_safe(value: &str) -> String {
    value
        .chars()
        .filter(|c| c.is_ascii_graphic() || *c == ' ')
        .take(128)
        .collect()
}
