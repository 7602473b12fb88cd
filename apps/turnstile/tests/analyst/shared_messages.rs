//! Commits that share a message give what they give one by one.

use mongodb::bson::Document;
use serde_json::Value;
use std::collections::BTreeMap;
use testkit::Nats;

use crate::{
    import::{copied, read_models, sums},
    simulate::simulated,
    support::{export_folder::text, tool},
};

/// Commits of an aggregate that are put into one message.
const TOGETHER: usize = 3;

/// The events of a log, as `events ls` prints them.
async fn events(url: &str, args: &[&str]) -> Vec<Value> {
    let listed = tool(url, &[&["events", "ls", "--json"], args].concat()).await;
    let mut events = listed.well().json();
    events.retain(|event| event["kind"] == "event");
    events
}

fn word(event: &Value, field: &str) -> String {
    event[field].as_str().unwrap().to_owned()
}

/// The same events in fewer messages: adjacent commits of an aggregate share one.
fn shared(events: &[Value]) -> String {
    // By stream: the messages, each a list of commits, each a list of events.
    let mut streams: BTreeMap<String, Vec<Vec<Vec<Value>>>> = BTreeMap::new();
    for event in events {
        let messages = streams.entry(word(event, "stream")).or_default();
        let is = |commit: &Vec<Value>, field: &str| commit[0][field] == event[field];
        match messages.last_mut() {
            Some(message) if message.last().is_some_and(|it| is(it, "commit_id")) => {
                message.last_mut().unwrap().push(event.clone());
            }
            Some(message) if message.len() < TOGETHER && is(&message[0], "aggregate_id") => {
                message.push(vec![event.clone()]);
            }
            _ => messages.push(vec![vec![event.clone()]]),
        }
    }
    let mut lines = String::new();
    for messages in streams.into_values() {
        for (sequence, message) in (1..).zip(messages) {
            for (index, commit) in message.into_iter().enumerate() {
                for mut event in commit {
                    event["sequence"] = Value::from(sequence);
                    event["commit_index"] = index.into();
                    lines.push_str(&event.to_string());
                    lines.push('\n');
                }
            }
        }
    }
    lines
}

/// Documents without the sequences in them: the one that they reflect, and their place in lists.
fn by_content(models: BTreeMap<String, Vec<Document>>) -> Vec<Vec<Document>> {
    let without_sequence = |documents: Vec<Document>| {
        documents
            .into_iter()
            .map(|mut document| {
                assert!(document.remove("seq").is_some());
                for place in ["placed", "listed"] {
                    document.remove(place);
                }
                document
            })
            .collect()
    };
    models.into_values().map(without_sequence).collect()
}

#[tokio::test]
async fn commits_that_share_messages_give_the_same_read_models_and_copies() {
    let alone = simulated().await;
    let events_alone = events(alone.url(), &[]).await;
    assert!(events_alone.iter().all(|event| event["commit_index"] == 0));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), shared(&events_alone)).unwrap();
    let together = Nats::start().await;
    tool(together.url(), &["import", text(file.path())])
        .await
        .well();
    tool(together.url(), &["verify", "--log-only"]).await.well();

    // Every event is there once, in fewer messages.
    let found = events(together.url(), &[]).await;
    assert_eq!(found.len(), events_alone.len());
    let last = |events: &[Value]| {
        let of_orders = events.iter().filter(|event| event["stream"] == "ORDERS");
        of_orders.map(|event| event["sequence"].as_u64()).max()
    };
    assert!(last(&found) < last(&events_alone));
    let third = found.iter().find(|event| event["commit_index"] == 2);
    let third = third.expect("three commits share a message");
    let place = format!("{}:{}", word(third, "stream"), third["sequence"]);
    let shown = tool(together.url(), &["events", "show", &place, "--json"]).await;
    let shown = shown.well().json();
    let mut indexes: Vec<_> = shown.iter().map(|it| it["commit_index"].as_u64()).collect();
    indexes.dedup();
    assert_eq!(indexes, [Some(0), Some(1), Some(2)]);
    assert!(shown.contains(third));

    // The newest are those at the end, also where that is in the middle of a message.
    for count in [1, 2, 5, 40] {
        let count_text = count.to_string();
        let args = ["events", "tail", "--json", "-n", &count_text];
        let newest = tool(together.url(), &args).await.well().json();
        assert!(newest == found[found.len() - count..], "the newest {count}");
    }

    // A copy is the same, to the places.
    let copy = copied(&together).await;
    let again = Nats::start().await;
    tool(again.url(), &["import", text(copy.path())])
        .await
        .well();
    assert_eq!(sums(copied(&again).await.path()), sums(copy.path()));
    tool(again.url(), &["import", "--resume", text(copy.path())])
        .await
        .well();

    let (one, other) = (read_models(&alone).await, read_models(&together).await);
    let documents: usize = one.values().map(Vec::len).sum();
    assert!(documents > 500, "{documents}");
    for (one, other) in by_content(one).into_iter().zip(by_content(other)) {
        assert_eq!(one.len(), other.len());
        for (one, other) in one.into_iter().zip(other) {
            assert_eq!(one, other);
        }
    }

    // Whoever reads on behind a fault of one stream gets the rest of each message of the others.
    let raw = async_nats::jetstream::new(async_nats::connect(together.url()).await.unwrap());
    for stream in ["USERS", "PAYMENTS", "ORDERS"] {
        let garbage = raw.publish(format!("{stream}.x"), "garbage".into()).await;
        garbage.unwrap().await.unwrap();
    }
    let beside = events(together.url(), &["--skip-unreadable"]).await;
    let places = |events: &[Value]| {
        let mut places: Vec<_> = events
            .iter()
            .map(|event| (word(event, "commit_id"), event["version"].as_u64()))
            .collect();
        places.sort();
        places
    };
    assert!(places(&beside) == places(&found));
}
