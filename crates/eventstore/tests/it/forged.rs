//! Answers of the server that somebody had sent to where messages are appended.

use crate::support::*;
use async_nats::HeaderMap;
use futures_util::StreamExt;
use testkit::eventually;

/// Lets the server answer a direct get of what stands at this place to any subject: nobody is asked
/// whether they may say something there.
async fn answer_to(nats: &async_nats::Client, stream: &str, sequence: u64, subject: &str) {
    let question = format!(r#"{{"seq":{sequence}}}"#);
    let asked = nats.publish_with_reply(
        format!("$JS.API.DIRECT.GET.{stream}"),
        subject.to_owned(),
        question.into(),
    );
    asked.await.unwrap();
    nats.flush().await.unwrap();
}

#[tokio::test]
async fn a_forged_key_is_ignored() {
    let (nats, log) = start().await;
    let raw = async_nats::connect(nats.url()).await.unwrap();
    log.session_keys().publish("k1", "one").await.unwrap();
    // What one may write somewhere, if it is only among requests.
    let context = async_nats::jetstream::new(raw.clone());
    let mine = context
        .publish("REQUESTS.mine", "a key of mine".into())
        .await;
    mine.unwrap().await.unwrap();
    answer_to(&raw, "REQUESTS", 1, "KEYS.forged").await;
    eventually("the answer is stored", testkit::LONG, || async {
        let keys = context.get_stream("KEYS").await.unwrap();
        (keys.cached_info().state.messages == 2)
            .then_some(())
            .ok_or("not yet")
    })
    .await;
    log.session_keys().publish("k2", "two").await.unwrap();
    let known = log.session_keys().list().await.unwrap();
    let known: Vec<_> = known.iter().map(|key| &*key.id).collect();
    assert_eq!(known, ["k1", "k2"]);
    // Nor can it be published on what was forged.
    assert!(
        log.session_keys()
            .publish("forged", "another")
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_forged_commit_is_not_read() {
    let (nats, log) = start().await;
    let raw = async_nats::connect(nats.url()).await.unwrap();
    // In all that can be chosen it is a commit of another account.
    let sequence = deposit_on(&log, &["mine"]).await;
    answer_to(&raw, "ACCOUNTS", sequence, "ACCOUNTS.yours").await;
    let why =
        "ACCOUNTS#2: nobody appended it: it is an answer of the server that somebody had sent here";
    eventually("the answer is stored", testkit::LONG, || async {
        let end = log.reader().last_sequence(ACCOUNTS).await.unwrap();
        (end == 2).then_some(()).ok_or(end)
    })
    .await;
    for error in [
        accounts(&log).load("yours").await.unwrap_err(),
        log.reader().commit_at(ACCOUNTS, 2).await.unwrap_err(),
        failure(deposit(&accounts(&log), "yours", 1).await),
    ] {
        assert_eq!(error.to_string(), why);
    }
    let mut followed = Box::pin(log.reader().follow(ACCOUNTS, 1));
    let error = followed.next().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), why);

    // A worker sets it aside.
    let handled = Notes::default();
    let notes = handled.clone();
    let worker = log.workers().on_commit(
        ACCOUNTS,
        eventstore::Subscription::new("auditor"),
        move |commit| {
            notes.take(commit.aggregate_id);
            async { Ok(()) }
        },
    );
    let letters = eventually("a dead letter", testkit::LONG, || async {
        let letters = log.dead_letters().list().await.unwrap();
        (letters.len() == 1).then_some(letters).ok_or("none yet")
    })
    .await;
    worker.stop().await;
    assert_eq!(handled.all(), ["mine"]);
    assert!(
        letters[0].error.contains("nobody appended it"),
        "{letters:?}"
    );
}

#[tokio::test]
async fn a_forged_due_command_is_not_executed() {
    let (nats, log) = start().await;
    let raw = async_nats::connect(nats.url()).await.unwrap();
    let context = async_nats::jetstream::new(raw.clone());
    let due = r#"{"key":"a","at":"2026-01-01T00:00:00Z","causation_id":"00000000-0000-0000-0000-000000000001",
        "correlation_id":"x","data":null}"#;
    let headers = HeaderMap::new();
    let mine = context.publish_with_headers("REQUESTS.mine", headers, due.into());
    mine.await.unwrap().await.unwrap();
    answer_to(&raw, "REQUESTS", 1, "COMMANDS.due.close.a").await;
    let handled = Notes::default();
    let notes = handled.clone();
    let subscription = eventstore::Subscription::new("closer");
    let worker = log.workers().on_due("close", subscription, move |due| {
        notes.take(due.key);
        async { Ok(()) }
    });
    eventually("a dead letter", testkit::LONG, || async {
        let letters = log.dead_letters().list().await.unwrap();
        (letters.len() == 1).then_some(()).ok_or("none yet")
    })
    .await;
    worker.stop().await;
    assert_eq!(handled.count(), 0);
}
