//! The body of the fuzz target `envelope`, and of the test that replays its corpus.

use async_nats::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use chrono::{DateTime, Datelike as _, SubsecRound as _};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use super::{Commit, headers_of};
use crate::{HistoricalCommit, StoreError, Upcasters, stream_name::samples::ACCOUNTS};

/// An event that the stream may contain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum Event {
    Deposited { amount: u64 },
    Closed,
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        String::new()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

/// Reads a stored message as a commit: a line with its subject, lines with its headers, an empty
/// line, and its payload. Returns whether it was a commit.
pub fn envelope(bytes: &[u8]) -> bool {
    let (head, payload) = split(bytes, b"\n\n");
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split('\n');
    let subject = lines.next().unwrap_or_default();
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        // No server delivers what is not a header.
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            headers.append(name, value);
        }
    }
    let Ok(commit) = read(subject, &headers, Bytes::copy_from_slice(payload)) else {
        return false;
    };
    headers_read_back(subject, &commit);
    // Parsing all events at once and one by one must agree.
    if let Some(events) = commit.decode_as_written::<Event>() {
        assert_eq!(commit.decode_one_by_one::<Event>().ok(), Some(events));
    }
    events_read_back(subject, &headers, &commit)
}

fn split<'a>(bytes: &'a [u8], at: &[u8]) -> (&'a [u8], &'a [u8]) {
    let found = bytes.windows(at.len()).position(|part| part == at);
    found.map_or((bytes, b""), |end| {
        (&bytes[..end], &bytes[end + at.len()..])
    })
}

fn read(subject: &str, headers: &HeaderMap, payload: Bytes) -> Result<Commit, StoreError> {
    let (stored_at, none) = (DateTime::UNIX_EPOCH, Upcasters::default());
    Commit::from_parts(ACCOUNTS, 7, subject, headers, payload, stored_at, &none)
}

/// Headers that are encoded again are the same, unless they could never be written.
fn headers_read_back(subject: &str, commit: &Commit) {
    let mut metadata = commit.metadata.clone();
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'%';
    let is_plain = |text: &String| text.bytes().all(plain);
    metadata.trace_parent = metadata.trace_parent.filter(is_plain);
    metadata.time = metadata.time.trunc_subsecs(6);
    let kind = &commit.aggregate_type;
    let written = headers_of(kind, commit.version, commit.commit_id, &metadata);
    let (Ok(headers), 0..=9999) = (written, metadata.time.year()) else {
        return;
    };
    let again = read(subject, &headers, Bytes::new());
    let again = again.unwrap_or_else(|error| panic!("{error}: {headers:?}"));
    assert_eq!(again.metadata, metadata);
    assert_eq!(again.commit_id, commit.commit_id);
    assert_eq!(
        (again.aggregate_id, again.aggregate_type, again.version),
        (
            commit.aggregate_id.clone(),
            commit.aggregate_type.clone(),
            commit.version
        )
    );
}

/// A payload that is copied stays the same. Returns whether it had events.
fn events_read_back(subject: &str, headers: &HeaderMap, commit: &Commit) -> bool {
    let Some(said) = events(commit) else {
        return false;
    };
    assert_eq!(commit.event_count().ok(), Some(said.len() as u64));
    let stored = commit.stored_events();
    let stored = stored.unwrap_or_else(|error| panic!("{error}"));
    let place = (
        commit.stream,
        &*commit.aggregate_type,
        commit.aggregate_id.clone(),
    );
    let metadata = commit.metadata.clone();
    let copy =
        HistoricalCommit::of_stored(place, commit.version, commit.commit_id, metadata, &stored);
    let copy = copy.unwrap_or_else(|error| panic!("{error}"));
    let again = read(subject, headers, copy.payload().clone());
    let again = again.ok().as_ref().and_then(events);
    assert_eq!(again, Some(said));
    true
}

type Said = Vec<(u64, String, String, serde_json::Value)>;

fn events(commit: &Commit) -> Option<Said> {
    let events = commit.raw_events().ok()?.into_iter();
    let events = events.map(|event| (event.version, event.event_type, event.schema, event.data));
    Some(events.collect())
}

#[cfg(test)]
#[test]
fn whatever_is_stored_is_read_as_a_commit_or_refused() {
    testkit::replay("envelope", envelope);
}
