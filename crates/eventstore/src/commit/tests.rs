//! Which messages hold commits, and the errors for those that don't.

use super::*;
use async_nats::{HeaderMap, HeaderName, jetstream::message::StreamMessage};
use cqrs_es::persist::SemanticVersionEventUpcaster;
use serde::Serialize;
use serde_json::json;

const ACCOUNTS: StreamName = StreamName::new("ACCOUNTS");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum Event {
    Deposited { amount: u64 },
    Closed,
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        "an event".to_owned()
    }

    fn event_version(&self) -> String {
        "2.0".to_owned()
    }
}

fn metadata() -> Metadata {
    Metadata {
        command_id: Uuid::from_u128(1),
        correlation_id: "request-7".to_owned(),
        causation_id: Some(Uuid::from_u128(2)),
        actor: "Zo\u{eb}".to_owned(),
        time: DateTime::from_timestamp_micros(1_700_000_000_000_001).unwrap(),
        trace_parent: Some("00-1-2-01".to_owned()),
    }
}

fn message(payload: impl Into<Bytes>) -> StreamMessage {
    StreamMessage {
        subject: "ACCOUNTS.a".into(),
        sequence: 9,
        headers: HeaderMap::new(),
        payload: payload.into(),
        time: DateTime::UNIX_EPOCH,
    }
}

/// A message of one commit of an aggregate's version 7, with these events.
fn with_events(events: &str) -> StreamMessage {
    let commit = UnsavedCommit::with_events(Uuid::from_u128(3), &metadata(), events.as_bytes());
    let message = UnsavedMessage::of_one("account", 7, &commit.unwrap()).unwrap();
    self::message(message.into_payload())
}

fn read_all(message: &StreamMessage) -> Result<Vec<Commit>, StoreError> {
    commits_of(FoundMessage::read(ACCOUNTS, message), &Upcasters::default())
}

fn read(message: &StreamMessage) -> Commit {
    read_all(message).unwrap().remove(0)
}

#[track_caller]
fn refused(message: &StreamMessage) -> String {
    let unreadable = read_all(message).unwrap_err();
    assert!(matches!(unreadable, StoreError::Unreadable { .. }));
    unreadable.to_string()
}

#[test]
fn what_was_written_is_read() {
    let events = [Event::Deposited { amount: 5 }, Event::Closed];
    let new = UnsavedCommit::encode(&events, &metadata()).unwrap();
    let id = new.id;
    let payload = UnsavedMessage::of_one("account", 7, &new)
        .unwrap()
        .into_payload();
    let expected = format!(
        "{}{id}{}",
        r#"{"v":2,"type":"account","at":7,"commits":[{"id":""#,
        r#"","command":"00000000-0000-0000-0000-000000000001","correlation":"request-7","causation":"00000000-0000-0000-0000-000000000002","actor":"Zoë","time":"2023-11-14T22:13:20.000001Z","trace":"00-1-2-01","events":[{"version":"2.0","type":"Deposited","data":{"amount":5}},{"version":"2.0","type":"Closed"}]}]}"#,
    );
    assert_eq!(payload, expected);
    assert_eq!(commit_ids_of(None, &payload), [id]);
    let origin = origin(None, &payload);
    assert_eq!(origin.correlation_id.as_deref(), Some("request-7"));
    assert_eq!(origin.trace_parent.as_deref(), Some("00-1-2-01"));

    let commit = read(&message(payload));
    assert_eq!((commit.stream, commit.sequence), (ACCOUNTS, 9));
    assert_eq!((commit.index, commit.is_last), (0, true));
    assert_eq!(
        (&*commit.aggregate_id, &*commit.aggregate_type),
        ("a", "account")
    );
    assert_eq!((commit.version, commit.commit_id), (7, id));
    assert_eq!(commit.metadata, metadata());
    assert_eq!(commit.stored_at, DateTime::UNIX_EPOCH);
    assert_eq!(commit.event_count().unwrap(), 2);
    let [deposited, closed] = events;
    assert_eq!(commit.decode().unwrap(), [(7, deposited), (8, closed)]);
}

#[test]
fn commits_that_share_a_message_are_each_read_as_they_were_written() {
    let by = |n: u128, actor: &str| Metadata {
        command_id: Uuid::from_u128(n),
        actor: actor.to_owned(),
        causation_id: None,
        trace_parent: (n == 20).then(|| "00-3-4-01".to_owned()),
        ..metadata()
    };
    let deposited = |amount| Event::Deposited { amount };
    let parts = [
        (by(10, "ann"), vec![deposited(1), deposited(2)]),
        (by(20, "\"bo\"\r\n"), vec![]),
        (by(30, "Zoë"), vec![Event::Closed]),
    ];
    let mut new = UnsavedMessage::new("account", 7).unwrap();
    let mut ids = Vec::new();
    for (metadata, events) in &parts {
        let commit = UnsavedCommit::encode(events, metadata).unwrap();
        ids.push(commit.id);
        new.push(&commit);
    }
    let payload = new.into_payload();
    assert_eq!(commit_ids_of(None, &payload), ids);
    assert_eq!(origin(None, &payload), Origin::default(), "of several");
    let commits = read_all(&message(payload)).unwrap();
    assert_eq!(commits.len(), 3);
    for (i, (commit, (metadata, events))) in commits.iter().zip(&parts).enumerate() {
        assert_eq!((commit.sequence, commit.index as usize), (9, i));
        assert_eq!((commit.is_last, commit.commit_id), (i == 2, ids[i]));
        assert_eq!((&*commit.aggregate_id, commit.version), ("a", [7, 9, 9][i]));
        assert_eq!(&commit.metadata, metadata);
        let read = commit.decode::<Event>().unwrap();
        let read: Vec<_> = read.into_iter().map(|(_, event)| event).collect();
        assert_eq!(&read, events);
    }
}

#[test]
fn other_messages_name_no_commit_and_no_origin() {
    for payload in ["", "garbage", "{}", r#"{"commits":[{}]}"#] {
        let none = HeaderMap::new();
        assert!(commit_ids_of(Some(&none), payload.as_bytes()).is_empty());
        assert_eq!(origin(None, payload.as_bytes()), Origin::default());
    }
}

#[test]
fn a_command_that_a_request_brings_has_no_cause() {
    let time = DateTime::UNIX_EPOCH;
    let metadata = Metadata::of_request(Uuid::from_u128(1), "request-7", "ann", time);
    assert_eq!((metadata.causation_id, metadata.trace_parent), (None, None));
    assert_eq!(
        (&*metadata.correlation_id, &*metadata.actor),
        ("request-7", "ann")
    );
}

#[test]
fn a_reaction_is_the_same_command_however_often_its_cause_is_delivered() {
    let cause = read(&with_events("[]"));
    let by = |reactor: &str, what: &str| {
        Metadata::caused_by(&cause, reactor, what, DateTime::UNIX_EPOCH)
    };
    let reaction = by("branch", "thank");
    assert_eq!(reaction, by("branch", "thank"));
    assert_ne!(reaction.command_id, by("branch", "scold").command_id);
    assert_ne!(reaction.command_id, by("bank", "thank").command_id);
    assert_eq!(reaction.causation_id, Some(cause.commit_id));
    assert_eq!(reaction.correlation_id, "request-7");
    assert_eq!(reaction.trace_parent, metadata().trace_parent);
}

#[test]
fn a_missing_or_empty_field_is_named() {
    let whole: Value = serde_json::from_slice(&with_events("[]").payload).unwrap();
    let without = |path: &str, field: &str| {
        let mut changed = whole.clone();
        let object = changed.pointer_mut(path).unwrap().as_object_mut().unwrap();
        assert!(object.remove(field).is_some(), "{field}");
        message(changed.to_string())
    };
    for (path, fields) in [
        ("", &["v", "type", "at", "commits"][..]),
        (
            "/commits/0",
            &["id", "command", "correlation", "actor", "time", "events"],
        ),
    ] {
        for field in fields {
            let expected =
                format!("ACCOUNTS#9: no commits can be read from it: missing field `{field}`");
            let words = refused(&without(path, field));
            assert!(words.starts_with(&expected), "{words}");
        }
    }
    for optional in ["causation", "trace"] {
        read(&without("/commits/0", optional));
    }
    for (path, value, why) in [
        ("/commits/0/id", json!("x"), "UUID"),
        ("/commits/0/command", json!("x"), "UUID"),
        ("/commits/0/causation", json!("x"), "UUID"),
        ("/commits/0/time", json!("x"), "input"),
        ("/commits/0/events", json!({}), "its events are no list"),
        ("/commits", json!([]), "it holds no commit"),
        ("/at", json!(-1), "integer `-1`"),
        ("/at", json!(u64::MAX), "18446744073709551615 is no version"),
    ] {
        let mut changed = whole.clone();
        *changed.pointer_mut(path).unwrap() = value;
        let words = refused(&message(changed.to_string()));
        assert!(words.starts_with("ACCOUNTS#9: "), "{words}");
        assert!(words.contains(why), "{path}: {words}");
    }
}

#[test]
fn a_message_of_a_later_format_is_refused_by_its_format() {
    let mut later: Value = serde_json::from_slice(&with_events("[]").payload).unwrap();
    later["v"] = 3.into();
    for payload in [later.to_string(), r#"{"v":3,"all":"other"}"#.to_owned()] {
        let expected = "ACCOUNTS#9: it is of format 3, of another release; format 2 is expected";
        assert_eq!(refused(&message(payload)), expected);
    }
}

#[test]
fn a_message_under_another_subject_is_not_of_the_stream() {
    for subject in ["BRANCHES.a", "ACCOUNTSa", "ACCOUNTS"] {
        let other = StreamMessage {
            subject: subject.into(),
            ..with_events("[]")
        };
        let expected = format!("ACCOUNTS#9: subject {subject} is not of this stream");
        assert_eq!(refused(&other), expected);
    }
}

#[test]
fn an_event_of_another_major_version_is_not_read() {
    let minor = read(&with_events(r#"[{"version":"2.7","type":"Closed"}]"#));
    assert_eq!(minor.decode().unwrap(), [(7, Event::Closed)]);
    // Wherever the version stands.
    let elsewhere = read(&with_events(r#"[{"type":"Closed","version":"2.0"}]"#));
    assert_eq!(elsewhere.decode().unwrap(), [(7, Event::Closed)]);
    for (events, why) in [
        (
            r#"[{"version":"2.0","type":"Closed"},{"version":"3.0","type":"Closed"}]"#,
            "schema 2.0 is expected",
        ),
        (
            r#"[{"version":"2.0","type":"Shut","data":{"by":"me"}}]"#,
            "unknown variant `Shut`",
        ),
    ] {
        let commit = read(&with_events(events));
        let refused = commit.decode::<Event>().unwrap_err();
        assert!(matches!(refused, StoreError::UnsupportedSchema { .. }));
        assert!(refused.to_string().contains(why), "{refused}");
        // Its raw form is still readable.
        commit.raw_events().unwrap();
    }
}

#[test]
fn what_is_no_event_is_unreadable_by_its_place_however_it_is_read() {
    let commit = read(&with_events("[1]"));
    for unreadable in [
        commit.decode::<Event>().unwrap_err(),
        commit.raw_events().unwrap_err(),
        commit.stored_events().unwrap_err(),
    ] {
        assert!(matches!(unreadable, StoreError::Unreadable { .. }));
        let words = unreadable.to_string();
        assert!(words.starts_with("ACCOUNTS#9: "), "{words}");
    }
}

#[test]
fn an_old_event_is_brought_up_to_date_and_stays_stored_as_it_was() {
    let in_cents = |data: Value| json!({ "amount": data["euros"].as_u64().unwrap() * 100 });
    let upcaster = SemanticVersionEventUpcaster::new("Deposited", "2.0", Box::new(in_cents));
    let upcasters = Upcasters::new(vec![("account", Box::new(upcaster))]);
    let old = r#"[{"version":"1.0","type":"Deposited","data":{"euros":3}},{"version":"2.0","type":"Closed"}]"#;
    let message = with_events(old);
    let commit = commits_of(FoundMessage::read(ACCOUNTS, &message), &upcasters);
    let commit = commit.unwrap().remove(0);
    let deposited = Event::Deposited { amount: 300 };
    assert_eq!(
        commit.decode().unwrap(),
        [(7, deposited), (8, Event::Closed)]
    );
    let raw = commit.raw_events().unwrap();
    let raw: Vec<_> = raw
        .iter()
        .map(|raw| (raw.version, &*raw.event_type))
        .collect();
    assert_eq!(raw, [(7, "Deposited"), (8, "Closed")]);
    assert_eq!(commit.events_json(), old);
}

#[test]
fn commits_of_the_past_share_a_message_only_if_they_follow_one_another() {
    let commit = |id: u128, aggregate: &str, version| {
        let place = (ACCOUNTS, "account", aggregate.to_owned());
        let events = [Event::Closed, Event::Closed];
        HistoricalCommit::new(place, version, Uuid::from_u128(id), metadata(), &events).unwrap()
    };
    let together = [commit(1, "a", 0), commit(2, "a", 2)];
    let read = HistoricalCommit::as_commits(&together, 5).unwrap();
    let versions: Vec<_> = read
        .iter()
        .map(|it| (it.sequence, it.index, it.version))
        .collect();
    assert_eq!(versions, [(5, 0, 0), (5, 1, 2)]);
    for second in [commit(2, "b", 2), commit(2, "a", 3), commit(2, "a", 0)] {
        let apart = HistoricalCommit::message(&[commit(1, "a", 0), second]).unwrap_err();
        assert!(matches!(apart, StoreError::Rejected(_)), "{apart}");
    }
    assert!(HistoricalCommit::message(&[]).is_err());

    // Each commit has a number behind those before it, however many share a message.
    let mut many: Vec<_> = (0..256_u64).map(|n| commit(n.into(), "a", 2 * n)).collect();
    let full = HistoricalCommit::as_commits(&many, 5).unwrap();
    let next = HistoricalCommit::as_commits(&many[..1], 6).unwrap();
    let ordinals: Vec<_> = full.iter().chain(&next).map(Commit::ordinal).collect();
    assert!(ordinals.is_sorted_by(|one, other| one < other));
    many.push(commit(256, "a", 512));
    assert!(HistoricalCommit::message(&many).is_err());
    let mut forged: Value = serde_json::from_slice(&with_events("[]").payload).unwrap();
    forged["commits"] = vec![forged["commits"][0].clone(); 257].into();
    let expected = "ACCOUNTS#9: it holds 257 commits; at most 256 are expected";
    assert_eq!(refused(&message(forged.to_string())), expected);
}

/// A message of format 1, as it was stored.
#[derive(Deserialize)]
struct OldMessage {
    subject: String,
    headers: std::collections::BTreeMap<String, String>,
    payload: String,
}

/// Messages of a log that was written in format 1.
fn old_log() -> Vec<StreamMessage> {
    let lines = include_str!("../../tests/fixtures/format-1.jsonl").lines();
    let messages = (1..).zip(lines).map(|(sequence, line)| {
        let old: OldMessage = serde_json::from_str(line).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in old.headers {
            headers.insert(name.parse::<HeaderName>().unwrap(), value);
        }
        StreamMessage {
            subject: old.subject.into(),
            sequence,
            headers,
            payload: old.payload.into(),
            time: DateTime::UNIX_EPOCH,
        }
    });
    messages.collect()
}

#[test]
fn a_log_of_format_1_is_read() {
    let messages = old_log();
    let commits: Vec<_> = messages.iter().map(read).collect();
    let told: Vec<_> = commits
        .iter()
        .map(|it| {
            (
                &*it.aggregate_id,
                it.version,
                it.event_count().unwrap(),
                it.is_last,
            )
        })
        .collect();
    let expected = [
        ("a", 0, 1, true),
        ("a", 1, 2, true),
        ("b", 0, 1, true),
        ("a", 3, 1, true),
        ("b", 1, 1, true),
    ];
    assert_eq!(told, expected);
    let first = &commits[0];
    assert_eq!(first.aggregate_type, "account");
    assert_eq!(first.metadata.actor, "Zoë 100%");
    assert_eq!(first.metadata.correlation_id, "request-7");
    assert!(first.metadata.causation_id.is_some());
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    assert_eq!(first.metadata.trace_parent.as_deref(), Some(trace));
    assert_eq!(
        first.decode().unwrap(),
        [(0, Event::Deposited { amount: 5 })]
    );
    assert_eq!(commits[1].metadata.causation_id, None);
    for (message, commit) in messages.iter().zip(&commits) {
        let (headers, payload) = (Some(&message.headers), &message.payload);
        assert_eq!(commit_ids_of(headers, payload), [commit.commit_id]);
        assert_eq!(origin(headers, payload), Origin::of(commit));
    }
}

#[test]
fn a_missing_or_empty_header_of_format_1_is_named() {
    use super::format1::header;
    let whole = old_log().remove(0);
    let with_header = |changed: &HeaderName, value: Option<&str>| {
        let mut headers = HeaderMap::new();
        for (name, values) in whole.headers.iter() {
            if name != changed {
                headers.insert(name.clone(), values[0].clone());
            }
        }
        if let Some(value) = value {
            headers.insert(changed.clone(), value);
        }
        StreamMessage {
            headers,
            ..whole.clone()
        }
    };
    for required in [
        &header::AGGREGATE_TYPE,
        &header::VERSION,
        &header::COMMAND_ID,
        &header::CORRELATION_ID,
        &header::ACTOR,
        &header::TIME,
    ] {
        let expected = format!("ACCOUNTS#1: header {required} is missing");
        assert_eq!(refused(&with_header(required, None)), expected);
    }
    for (name, kind) in [
        (&header::COMMIT_ID, "UUID"),
        (&header::COMMAND_ID, "UUID"),
        (&header::CAUSATION_ID, "UUID"),
        (&header::VERSION, "number"),
        (&header::TIME, "time"),
    ] {
        let expected = format!("ACCOUNTS#1: header {name} is no {kind}: \"x\"");
        assert_eq!(refused(&with_header(name, Some("x"))), expected);
    }
    for optional in [&header::CAUSATION_ID, &header::TRACE_PARENT] {
        read(&with_header(optional, None));
    }
    for payload in ["", "garbage", "{}", r#"{"v":2}"#, r#"{"events":7}"#] {
        let garbage = StreamMessage {
            payload: payload.into(),
            ..whole.clone()
        };
        refused(&garbage);
    }
}
