//! The commit as it is stored: what is in it, what can't get into it, and what can't be read.

use crate::support::*;
use async_nats::jetstream::{self, message::PublishMessage};
use chrono::{SecondsFormat, SubsecRound, Utc};
use cqrs_es::{DomainEvent, persist::SemanticVersionEventUpcaster};
use eventstore::{Expectation, LogConfig, Metadata, StoreError, Subscription, Upcasters};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use testkit::Nats;
use uuid::Uuid;

/// The client without the store, to see and write what the store would not.
async fn raw(nats: &Nats) -> jetstream::Context {
    jetstream::new(async_nats::connect(nats.url()).await.unwrap())
}

#[tokio::test]
async fn where_a_command_came_from_can_be_read_from_its_commit() {
    let (nats, log) = start().await;
    let accounts = accounts(&log);
    let metadata = Metadata {
        command_id: Uuid::new_v4(),
        correlation_id: "request-7".to_owned(),
        causation_id: Some(Uuid::new_v4()),
        actor: "ann".to_owned(),
        time: Utc::now().trunc_subsecs(6),
        trace_parent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
    };
    let executed = accounts.execute("a", Command::Deposit(5), &metadata, Expectation::LikelyNew);
    let executed = executed.await.unwrap();
    let commit = log
        .reader()
        .commit_at(ACCOUNTS, executed.sequence)
        .await
        .unwrap();
    assert_eq!(commit.metadata, metadata);
    assert_eq!(
        (
            &*commit.aggregate_id,
            &*commit.aggregate_type,
            commit.version
        ),
        ("a", "account", 0)
    );

    // As it lies in the stream, for whoever reads it with other tools.
    let stream = raw(&nats).await.get_stream("ACCOUNTS").await.unwrap();
    let message = stream.direct_get(1).await.unwrap();
    assert_eq!(message.subject.as_str(), "ACCOUNTS.a");
    let stored: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
    let expected = serde_json::json!({
        "v": 2,
        "type": "account",
        "at": 0,
        "commits": [{
            "id": commit.commit_id,
            "command": metadata.command_id,
            "correlation": "request-7",
            "causation": metadata.causation_id,
            "actor": "ann",
            "time": metadata.time.to_rfc3339_opts(SecondsFormat::Micros, true),
            "trace": metadata.trace_parent,
            "events": [{"version": "2.0", "type": "Deposited", "data": {"amount": 5}}],
        }],
    });
    assert_eq!(stored, expected);
    let mut names: Vec<_> = message
        .headers
        .iter()
        .map(|(name, _)| name.to_string())
        .collect();
    names.sort();
    let expected = [
        "Nats-Expected-Last-Subject-Sequence",
        // Of the answer, and not of what is stored.
        "Nats-Sequence",
        "Nats-Stream",
        "Nats-Subject",
        "Nats-Time-Stamp",
    ];
    assert_eq!(names, expected);

    // What follows from it says so, and is the same command however often it is delivered.
    let follows = || Metadata::caused_by(&commit, "branch", "thank", Utc::now());
    assert_eq!(follows().causation_id, Some(commit.commit_id));
    assert_eq!(follows().correlation_id, "request-7");
    assert_eq!(follows().command_id, follows().command_id);
    let other = Metadata::caused_by(&commit, "branch", "greet", Utc::now());
    assert_ne!(follows().command_id, other.command_id);
}

#[tokio::test]
async fn every_message_matches_the_schema() {
    let (nats, log) = start().await;
    let accounts = accounts(&log);
    let schema = include_str!("../../format-2.schema.json");
    let schema = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
    let signed = Metadata {
        actor: "Zo\u{eb}\n\"\u{0}".to_owned(),
        correlation_id: "\u{1f3ab}".repeat(128),
        causation_id: Some(Uuid::new_v4()),
        trace_parent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        ..fresh()
    };
    let whole_second = Metadata {
        time: chrono::DateTime::UNIX_EPOCH,
        ..fresh()
    };
    for (metadata, command) in [
        (signed, Command::Transfer(7)),
        (
            whole_second,
            Command::Annotate("Gr\u{fc}\u{df}e\t".to_owned()),
        ),
        (fresh(), Command::Close),
    ] {
        let done = accounts.execute("a", command, &metadata, Expectation::Unknown);
        done.await.unwrap();
    }
    let stream = raw(&nats).await.get_stream("ACCOUNTS").await.unwrap();
    for sequence in 1..=3 {
        let message = stream.direct_get(sequence).await.unwrap();
        let payload = serde_json::from_slice(&message.payload).unwrap();
        let fits = schema.validate(&payload).map_err(|error| error.to_string());
        assert_eq!(fits, Ok(()), "{payload}");
    }
    assert!(!schema.is_valid(&serde_json::json!({"events": []})));
}

#[tokio::test]
async fn a_log_of_format_1_goes_on_in_format_2() {
    let (nats, log) = start().await;
    let context = raw(&nats).await;
    for line in include_str!("../fixtures/format-1.jsonl").lines() {
        let old: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let mut message = PublishMessage::build().payload(text(&old["payload"]).into());
        for (name, value) in old["headers"].as_object().unwrap() {
            message = message.header(name.as_str(), text(value).as_str());
        }
        let sent = context.send_publish(text(&old["subject"]), message).await;
        sent.unwrap().await.unwrap();
    }
    let accounts = accounts(&log);
    let old = accounts.load("a").await.unwrap();
    assert_eq!((old.state().balance, old.version()), (3, 4));
    let first = &accounts.commits("a").await.unwrap()[0];
    assert_eq!(first.metadata.actor, "Zo\u{eb} 100%");
    let again = accounts.execute("a", Command::Close, &first.metadata, Expectation::Unknown);
    let again = again.await.unwrap();
    assert!(again.was_duplicate, "its command is known");
    assert_eq!((again.version, again.state.balance), (1, 5));
    assert_eq!(deposit(&accounts, "a", 1).await.unwrap().version, 5);

    // In one reading, and from a place in either part.
    for after in [0, 3, 5] {
        let mut followed = Box::pin(log.reader().follow(ACCOUNTS, after));
        let commits = next(&mut followed, usize::try_from(6 - after).unwrap()).await;
        let commits: Vec<_> = commits.into_iter().map(Result::unwrap).collect();
        assert_eq!(sequences(&commits), (after + 1..=6).collect::<Vec<_>>());
    }
    let tails = log.tails();
    tails
        .still_stands(ACCOUNTS, 1, first.commit_id)
        .await
        .unwrap();
    let handled = Notes::default();
    let notes = handled.clone();
    let auditor = Subscription::new("auditor");
    let worker = log.workers().on_commit(ACCOUNTS, auditor, move |commit| {
        notes.take(commit.sequence.to_string());
        async { Ok(()) }
    });
    handled.until(6).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_value_from_outside_cannot_become_a_header() {
    let (nats, log) = start().await;
    let accounts = accounts(&log);
    let metadata = Metadata {
        correlation_id: "x\r\nNats-Rollup: all\r\n\r\ny".to_owned(),
        actor: "ann\nCommand-Id: 0".to_owned(),
        trace_parent: Some("t\r\nA: b".to_owned()),
        ..fresh()
    };
    let executed = accounts.execute("a", Command::Deposit(5), &metadata, Expectation::Unknown);
    executed.await.unwrap();
    let commit = log.reader().commit_at(ACCOUNTS, 1).await.unwrap();
    assert_eq!(commit.metadata.command_id, metadata.command_id);
    assert_eq!(commit.metadata.correlation_id, metadata.correlation_id);
    assert_eq!(commit.metadata.actor, metadata.actor);
    let stream = raw(&nats).await.get_stream("ACCOUNTS").await.unwrap();
    let message = stream.direct_get(1).await.unwrap();
    assert!(message.headers.get("Nats-Rollup").is_none());
    assert!(message.headers.get("A").is_none());

    // Two that differ stay two.
    for (id, who) in [("b", "Zoë"), ("c", "Zo"), ("d", ""), ("e", " ")] {
        let signed = Metadata {
            actor: who.to_owned(),
            ..fresh()
        };
        let done = accounts.execute(id, Command::Deposit(5), &signed, Expectation::Unknown);
        let sequence = done.await.unwrap().sequence;
        let commit = log.reader().commit_at(ACCOUNTS, sequence).await.unwrap();
        assert_eq!(commit.metadata.actor, who);
    }
    // What is too long is refused, and not cut to what may be another's.
    let verbose = Metadata {
        actor: "x".repeat(129),
        ..fresh()
    };
    let answer = accounts.execute("f", Command::Deposit(5), &verbose, Expectation::Unknown);
    let refused = failure(answer.await);
    assert!(matches!(refused, StoreError::Rejected(_)), "{refused}");
}

/// Deposits as they were before amounts were exact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum OldEvent {
    Deposited { euros: i64 },
    Shut,
}

impl DomainEvent for OldEvent {
    fn event_type(&self) -> String {
        String::new()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

#[tokio::test]
async fn old_events_are_upcast() {
    let nats = Nats::start().await;
    let in_cents = |mut data: serde_json::Value| {
        data["amount"] = (data["euros"].as_i64().unwrap() * 100).into();
        data
    };
    let upcaster = SemanticVersionEventUpcaster::new("Deposited", "2.0", Box::new(in_cents));
    let nothing = |_| serde_json::json!({ "amount": 0 });
    let of_branches = SemanticVersionEventUpcaster::new("Deposited", "2.0", Box::new(nothing));
    let log = connect_with(LogConfig {
        upcasters: Upcasters::new(vec![
            // Of aggregates that aren't here, although their events have the same name.
            ("branch", Box::new(of_branches)),
            ("account", Box::new(upcaster)),
        ]),
        ..config(nats.url())
    })
    .await;
    let old = OldEvent::Deposited { euros: 3 };
    append(&log, (ACCOUNTS, "a"), 0, old, 0).await.unwrap();
    let accounts = accounts(&log);
    let executed = deposit(&accounts, "a", 5).await.unwrap();
    assert_eq!((executed.state.balance, executed.version), (305, 2));
    // An event without data passes through the upcasters too.
    let closed = run(&accounts, "a", Command::Close);
    closed.await.unwrap();
    assert!(
        log.store::<Account>(ACCOUNTS)
            .load("a")
            .await
            .unwrap()
            .state()
            .closed
    );
    let commit = log.reader().commit_at(ACCOUNTS, 1).await.unwrap();
    let raw = &commit.raw_events().unwrap()[0];
    assert_eq!((&*raw.schema, &raw.data["amount"]), ("2.0.0", &300.into()));
    assert!(commit.events_json().starts_with(br#"[{"version":"1.0""#));

    // An event of a type that nobody knows (any more) is named, not skipped.
    append(&log, (ACCOUNTS, "b"), 0, OldEvent::Shut, 0)
        .await
        .unwrap();
    let unreadable = accounts.load("b").await.unwrap_err().to_string();
    assert!(
        unreadable.starts_with("ACCOUNTS#4: unknown variant `Shut`"),
        "{unreadable}"
    );
}

#[tokio::test]
async fn what_cannot_be_read_names_its_stream_and_sequence() {
    let (nats, log) = start().await;
    let accounts = accounts(&log);
    deposit(&accounts, "a", 1).await.unwrap();
    let raw = raw(&nats).await;
    let garbage = raw.publish("ACCOUNTS.b", "garbage".into()).await;
    garbage.unwrap().await.unwrap();

    let unreadable =
        "ACCOUNTS#2: no commits can be read from it: expected value at line 1 column 1";
    assert_eq!(
        accounts.load("b").await.unwrap_err().to_string(),
        unreadable
    );
    let answer = failure(deposit(&accounts, "b", 1).await);
    assert_eq!(answer.to_string(), unreadable);
    assert_eq!(
        log.reader()
            .commit_at(ACCOUNTS, 2)
            .await
            .unwrap_err()
            .to_string(),
        unreadable
    );
    let missing = log
        .reader()
        .commit_at(ACCOUNTS, 99)
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(missing, "ACCOUNTS#99: there is no such message");

    let mut followed = Box::pin(log.reader().follow(ACCOUNTS, 0));
    assert_eq!(next(&mut followed, 1).await.len(), 1);
    let error = next(&mut followed, 1).await.remove(0).unwrap_err();
    assert_eq!(error.to_string(), unreadable);
    assert!(followed.next().await.is_none(), "nothing comes after it");
}

#[tokio::test]
async fn a_gap_in_an_aggregates_versions_is_an_error() {
    let (_nats, log) = start().await;
    let one = || Event::Deposited { amount: 1 };
    let a = (ACCOUNTS, "a");
    let first = append(&log, a, 0, one(), 0).await.unwrap();
    append(&log, a, 2, one(), first).await.unwrap();
    let error = accounts(&log).load("a").await.unwrap_err();
    assert!(matches!(error, StoreError::Gap { sequence: 2, .. }));
    assert_eq!(
        error.to_string(),
        "ACCOUNTS#2: expected version 1 of a, found version 2"
    );
    append(&log, (ACCOUNTS, "b"), 1, one(), 0).await.unwrap();
    assert!(matches!(
        failure(deposit(&accounts(&log), "b", 1).await),
        StoreError::Gap { sequence: 3, .. }
    ));
    // Nor is an append on another expectation than the newest sequence stored.
    let stale = append(&log, a, 1, one(), first);
    assert!(matches!(stale.await, Err(StoreError::Conflict { .. })));
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Untagged {
    data: u8,
}

impl DomainEvent for Untagged {
    fn event_type(&self) -> String {
        "Untagged".to_owned()
    }

    fn event_version(&self) -> String {
        "\"1\"".to_owned()
    }
}

#[tokio::test]
async fn an_event_that_could_not_be_read_back_is_not_stored() {
    let (_nats, log) = start().await;
    let refused = append(&log, (ACCOUNTS, "a"), 0, Untagged { data: 1 }, 0);
    assert_eq!(
        refused.await.unwrap_err().to_string(),
        "the event log refused: Untagged can't be stored: it has no type tag"
    );
    assert_eq!(log.reader().last_sequence(ACCOUNTS).await.unwrap(), 0);
}
