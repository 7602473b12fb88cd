//! Reads messages: the commits in them, and what is needed of them without their events.

use async_nats::{HeaderMap, jetstream};
use chrono::{DateTime, Utc};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use std::borrow::Cow;
use uuid::Uuid;

use super::{
    Commit, FoundMessage, MOST_COMMITS, Metadata, Origin, Upcasters, encode::FORMAT, format1,
};
use crate::{
    StoreError, StreamName,
    error::unexpected,
    server_answer::{forged, is_server_answer},
};

#[derive(Deserialize)]
struct Envelope<'a> {
    v: u32,
    #[serde(rename = "type")]
    aggregate_type: String,
    at: u64,
    #[serde(borrow)]
    commits: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    id: Uuid,
    command: Uuid,
    correlation: String,
    causation: Option<Uuid>,
    actor: String,
    time: DateTime<Utc>,
    trace: Option<String>,
    #[serde(borrow)]
    events: &'a RawValue,
}

/// What every format from 2 on begins with.
#[derive(Deserialize)]
struct AnyFormat {
    v: u32,
}

#[derive(Deserialize)]
struct Origins<'a> {
    #[serde(borrow)]
    commits: Vec<OriginEntry<'a>>,
}

#[derive(Deserialize)]
struct OriginEntry<'a> {
    #[serde(borrow)]
    correlation: Cow<'a, str>,
    #[serde(borrow)]
    trace: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Ids {
    commits: Vec<IdEntry>,
}

#[derive(Deserialize)]
struct IdEntry {
    id: Uuid,
}

/// The commits of the message, oldest first; at least one.
///
/// # Errors
/// [`StoreError::Unreadable`] when it holds none, or any of them can't be read.
pub(crate) fn commits_of(
    message: FoundMessage<'_>,
    upcasters: &Upcasters,
) -> Result<Vec<Commit>, StoreError> {
    if let Some(headers) = message.headers.filter(|headers| format1::is_meant(headers)) {
        return Ok(vec![format1::commit_of(message, headers, upcasters)?]);
    }
    let envelope: Envelope<'_> = serde_json::from_slice(message.payload)
        .map_err(|error| message.unreadable(why_unreadable(message.payload, &error)))?;
    if envelope.v != FORMAT {
        return Err(message.unreadable(of_another_release(envelope.v)));
    }
    let aggregate_id = message.aggregate_id()?;
    let count = envelope.commits.len();
    if count == 0 {
        return Err(message.unreadable("it holds no commit".to_owned()));
    }
    if count > MOST_COMMITS {
        let why = format!("it holds {count} commits; at most {MOST_COMMITS} are expected");
        return Err(message.unreadable(why));
    }
    let mut version = message.version(envelope.at)?;
    let mut commits = Vec::with_capacity(count);
    for (index, entry) in (0..).zip(envelope.commits) {
        let is_last = commits.len() + 1 == count;
        let events = message.events(entry.events)?;
        let first = version;
        // Only where another commit follows: counting costs about as much as finding the end.
        if !is_last {
            let events: Vec<IgnoredAny> = serde_json::from_slice(&events)
                .map_err(|error| message.unreadable(error.to_string()))?;
            version = message.version(version + events.len() as u64)?;
        }
        commits.push(Commit {
            stream: message.stream,
            sequence: message.sequence,
            index,
            is_last,
            aggregate_id: aggregate_id.to_owned(),
            aggregate_type: envelope.aggregate_type.clone(),
            version: first,
            commit_id: entry.id,
            metadata: Metadata {
                command_id: entry.command,
                correlation_id: entry.correlation,
                causation_id: entry.causation,
                actor: entry.actor,
                time: entry.time,
                trace_parent: entry.trace,
            },
            stored_at: message.stored_at,
            events,
            upcasters: upcasters.clone(),
        });
    }
    Ok(commits)
}

fn of_another_release(format: u32) -> String {
    format!("it is of format {format}, of another release; format {FORMAT} is expected")
}

/// Why a payload is no message of commits: one of another format isn't of the right shape either,
/// and the format is the better reason then.
fn why_unreadable(payload: &[u8], error: &serde_json::Error) -> String {
    match serde_json::from_slice::<AnyFormat>(payload) {
        Ok(AnyFormat { v }) if v != FORMAT => of_another_release(v),
        _ => format!("no commits can be read from it: {error}"),
    }
}

/// The commits of a message that a consumer delivered.
pub(crate) fn delivered(
    stream: StreamName,
    message: &jetstream::Message,
    upcasters: &Upcasters,
) -> Result<Vec<Commit>, StoreError> {
    let info = message
        .info()
        .map_err(unexpected("reading a delivered message"))?;
    let headers = message.headers.as_ref();
    if headers.is_some_and(is_server_answer) {
        return Err(forged(stream, info.stream_sequence));
    }
    let found = FoundMessage {
        stream,
        sequence: info.stream_sequence,
        subject: &message.subject,
        headers,
        payload: &message.payload,
        stored_at: info.published,
    };
    commits_of(found, upcasters)
}

/// The IDs of the commits in a message; none if it is no message of commits.
pub(crate) fn commit_ids_of(headers: Option<&HeaderMap>, payload: &[u8]) -> Vec<Uuid> {
    if let Some(id) = headers.and_then(format1::commit_id_of) {
        return vec![id];
    }
    serde_json::from_slice::<Ids>(payload)
        .map(|ids| ids.commits.into_iter().map(|entry| entry.id).collect())
        .unwrap_or_default()
}

/// Where the commit of a message came from; nothing if it is no message of commits, or one of
/// several, which came from several places.
pub(crate) fn origin(headers: Option<&HeaderMap>, payload: &[u8]) -> Origin {
    if let Some(headers) = headers.filter(|headers| format1::is_meant(headers)) {
        return format1::origin(headers);
    }
    let Ok(origins) = serde_json::from_slice::<Origins<'_>>(payload) else {
        return Origin::default();
    };
    match &origins.commits[..] {
        [only] => Origin {
            correlation_id: Some(only.correlation.clone().into_owned()),
            trace_parent: only.trace.clone().map(Cow::into_owned),
        },
        _ => Origin::default(),
    }
}
