//! The body of the fuzz target `envelope`, and of the test that replays its corpus.

use async_nats::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use chrono::{DateTime, Datelike as _, SubsecRound as _};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use super::{Commit, FoundMessage, commit_ids_of, commits_of, origin};
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

/// Reads a stored message: a line with its subject, lines with its headers, an empty line, and its
/// payload. Returns whether it held commits, with events that can be read.
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
    let Ok(commits) = read(subject, &headers, &Bytes::copy_from_slice(payload)) else {
        return false;
    };
    the_parts_agree(&headers, payload, &commits);
    let mut copies = Vec::new();
    for commit in &commits {
        // Parsing all events at once and one by one must agree.
        if let Some(events) = commit.decode_as_written::<Event>() {
            assert_eq!(commit.decode_one_by_one::<Event>().ok(), Some(events));
        }
        let Some(copy) = copied(commit) else {
            return false;
        };
        copies.push(copy);
    }
    reads_back(&commits, &copies);
    true
}

fn split<'a>(bytes: &'a [u8], at: &[u8]) -> (&'a [u8], &'a [u8]) {
    let found = bytes.windows(at.len()).position(|part| part == at);
    found.map_or((bytes, b""), |end| {
        (&bytes[..end], &bytes[end + at.len()..])
    })
}

fn read(subject: &str, headers: &HeaderMap, payload: &Bytes) -> Result<Vec<Commit>, StoreError> {
    let found = FoundMessage {
        stream: ACCOUNTS,
        sequence: 7,
        subject,
        headers: Some(headers),
        payload,
        stored_at: DateTime::UNIX_EPOCH,
    };
    commits_of(found, &Upcasters::default())
}

/// Commits are numbered and dense, and what is read of a message without its events is the same.
fn the_parts_agree(headers: &HeaderMap, payload: &[u8], commits: &[Commit]) {
    let ids: Vec<_> = commits.iter().map(|commit| commit.commit_id).collect();
    assert_eq!(commit_ids_of(Some(headers), payload), ids);
    let last = commits.len() - 1;
    for (i, commit) in commits.iter().enumerate() {
        assert_eq!((commit.index as usize, commit.is_last), (i, i == last));
        if let Some(next) = commits.get(i + 1) {
            let count = commit.event_count().ok();
            assert_eq!(
                count.map(|count| count + commit.version),
                Some(next.version)
            );
        }
    }
    if let [only] = commits {
        let origin = origin(Some(headers), payload);
        let metadata = &only.metadata;
        assert_eq!(
            origin.correlation_id.as_ref(),
            Some(&metadata.correlation_id)
        );
        assert_eq!(origin.trace_parent, metadata.trace_parent);
    }
}

/// The same commit, to be written again; `None` if its events can't be read.
fn copied(commit: &Commit) -> Option<HistoricalCommit> {
    let said = events(commit)?;
    assert_eq!(commit.event_count().ok(), Some(said.len() as u64));
    let stored = commit.stored_events();
    let stored = stored.unwrap_or_else(|error| panic!("{error}"));
    let place = (
        commit.stream,
        &*commit.aggregate_type,
        commit.aggregate_id.clone(),
    );
    let (version, id, metadata) = (commit.version, commit.commit_id, commit.metadata.clone());
    let copy = HistoricalCommit::of_stored(place, version, id, metadata, &stored);
    Some(copy.unwrap_or_else(|error| panic!("{error}")))
}

/// Commits that are written again are the same, unless they could never be written.
fn reads_back(commits: &[Commit], copies: &[HistoricalCommit]) {
    let years = |commit: &Commit| matches!(commit.metadata.time.year(), 0..=9999);
    // Too long a text is refused.
    let Ok(again) = HistoricalCommit::as_commits(copies, 7) else {
        return;
    };
    if !commits.iter().all(years) {
        return;
    }
    assert_eq!(again.len(), commits.len());
    for (again, commit) in again.iter().zip(commits) {
        let mut metadata = commit.metadata.clone();
        metadata.time = metadata.time.trunc_subsecs(6);
        assert_eq!(again.metadata, metadata);
        assert_eq!(again.commit_id, commit.commit_id);
        assert_eq!(
            (&again.aggregate_id, &again.aggregate_type, again.version),
            (&commit.aggregate_id, &commit.aggregate_type, commit.version)
        );
        assert_eq!(events(again), events(commit));
    }
}

type Said = Vec<(u64, String, String, serde_json::Value)>;

fn events(commit: &Commit) -> Option<Said> {
    let events = commit.raw_events().ok()?.into_iter();
    let events = events.map(|event| (event.version, event.event_type, event.schema, event.data));
    Some(events.collect())
}

#[cfg(test)]
#[test]
fn any_stored_message_is_read_or_refused() {
    testkit::replay("envelope", envelope);
}
