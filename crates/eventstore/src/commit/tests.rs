//! Which messages are commits, and the errors for those that are not.

use super::*;
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

/// A message with a commit of an aggregate's version 7.
fn message(payload: impl Into<Bytes>) -> StreamMessage {
    StreamMessage {
        subject: "ACCOUNTS.a".into(),
        sequence: 9,
        headers: headers_of("account", 7, Uuid::from_u128(3), &metadata()).unwrap(),
        payload: payload.into(),
        time: DateTime::UNIX_EPOCH,
    }
}

fn read(message: StreamMessage) -> Result<Commit, StoreError> {
    Commit::parse(ACCOUNTS, message, &Upcasters::default())
}

fn with_payload(payload: &'static str) -> Commit {
    read(message(payload)).unwrap()
}

/// [`message`] with one header changed or removed.
fn with_header(changed: &HeaderName, value: Option<&str>) -> StreamMessage {
    let mut message = message("");
    let mut headers = HeaderMap::new();
    for (name, values) in message.headers.iter() {
        if name != changed {
            headers.insert(name.clone(), values[0].clone());
        }
    }
    if let Some(value) = value {
        headers.insert(changed.clone(), value);
    }
    message.headers = headers;
    message
}

#[test]
fn what_was_written_is_read() {
    let events = [Event::Deposited { amount: 5 }, Event::Closed];
    let new = UnsavedCommit::encode("account", 7, &events, &metadata()).unwrap();
    assert_eq!(
        new.payload,
        r#"{"events":[{"version":"2.0","type":"Deposited","data":{"amount":5}},{"version":"2.0","type":"Closed"}]}"#
    );
    assert_eq!(commit_id_of(&new.headers), Some(new.id));
    let chain = (Some("request-7"), Some("00-1-2-01"));
    assert_eq!(origin(&new.headers), chain);

    let commit = read(StreamMessage {
        headers: new.headers,
        ..message(new.payload.clone())
    });
    let commit = commit.unwrap();
    assert_eq!((commit.stream, commit.sequence), (ACCOUNTS, 9));
    assert_eq!(
        (&*commit.aggregate_id, &*commit.aggregate_type),
        ("a", "account")
    );
    assert_eq!((commit.version, commit.commit_id), (7, new.id));
    assert_eq!(commit.metadata, metadata());
    assert_eq!(commit.stored_at, DateTime::UNIX_EPOCH);
    assert_eq!(commit.payload(), &new.payload);
    assert_eq!(commit.event_count().unwrap(), 2);
    let [deposited, closed] = events;
    assert_eq!(commit.decode().unwrap(), [(7, deposited), (8, closed)]);
}

#[test]
fn a_message_without_headers_is_no_commit_and_of_no_chain() {
    let none = HeaderMap::new();
    assert_eq!(commit_id_of(&none), None);
    assert_eq!(origin(&none), (None, None));
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
    let cause = with_payload("");
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
fn a_header_that_is_missing_or_says_nothing_is_named() {
    for required in [
        &header::COMMIT_ID,
        &header::AGGREGATE_TYPE,
        &header::VERSION,
        &header::COMMAND_ID,
        &header::CORRELATION_ID,
        &header::ACTOR,
        &header::TIME,
    ] {
        let unreadable = read(with_header(required, None)).unwrap_err();
        let expected = format!("ACCOUNTS#9: header {required} is missing");
        assert_eq!(unreadable.to_string(), expected);
    }
    for (name, kind) in [
        (&header::COMMIT_ID, "UUID"),
        (&header::COMMAND_ID, "UUID"),
        (&header::CAUSATION_ID, "UUID"),
        (&header::VERSION, "number"),
        (&header::TIME, "time"),
    ] {
        let unreadable = read(with_header(name, Some("x"))).unwrap_err();
        let expected = format!("ACCOUNTS#9: header {name} is no {kind}: \"x\"");
        assert_eq!(unreadable.to_string(), expected);
    }
    for optional in [&header::CAUSATION_ID, &header::TRACE_PARENT] {
        read(with_header(optional, None)).unwrap();
    }
}

#[test]
fn a_message_under_another_subject_is_not_of_the_stream() {
    for subject in ["BRANCHES.a", "ACCOUNTSa", "ACCOUNTS"] {
        let other = StreamMessage {
            subject: subject.into(),
            ..message("")
        };
        let expected = format!("ACCOUNTS#9: subject {subject} is not of this stream");
        assert_eq!(read(other).unwrap_err().to_string(), expected);
    }
}

#[test]
fn an_event_of_another_major_version_is_not_read_and_one_of_another_minor_is() {
    let minor = with_payload(r#"{"events":[{"version":"2.7","type":"Closed"}]}"#);
    assert_eq!(minor.decode().unwrap(), [(7, Event::Closed)]);
    for (payload, why) in [
        (
            r#"{"events":[{"version":"2.0","type":"Closed"},{"version":"3.0","type":"Closed"}]}"#,
            "schema 2.0 is expected",
        ),
        (
            r#"{"events":[{"version":"2.0","type":"Shut","data":{"by":"me"}}]}"#,
            "unknown variant `Shut`",
        ),
    ] {
        let commit = with_payload(payload);
        let refused = commit.decode::<Event>().unwrap_err();
        assert!(matches!(refused, StoreError::UnsupportedSchema { .. }));
        assert!(refused.to_string().contains(why), "{refused}");
        // Its raw form is still readable.
        commit.raw_events().unwrap();
    }
}

#[test]
fn what_is_no_commit_is_unreadable_by_its_place_however_it_is_read() {
    let garbage = with_payload("garbage");
    for unreadable in [
        garbage.decode::<Event>().unwrap_err(),
        garbage.raw_events().unwrap_err(),
        garbage.event_count().unwrap_err(),
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
    let old = r#"{"events":[{"version":"1.0","type":"Deposited","data":{"euros":3}},{"version":"2.0","type":"Closed"}]}"#;
    let commit = Commit::parse(ACCOUNTS, message(old), &upcasters).unwrap();
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
    assert_eq!(commit.payload(), old);
}
