//! Commands that fall due later.

use crate::support::*;
use chrono::{DateTime, TimeDelta, Utc};
use eventstore::{Commit, HandlerError, Log, StoreError, Subscription, Worker};
use serde_json::json;
use testkit::{LONG, eventually};

const REMIND: Subscription = Subscription::new("accounts-on-reminders");

async fn some_commit(log: &Log) -> Commit {
    let sequence = deposit_on(log, &["a"]).await;
    log.reader().commit_at(ACCOUNTS, sequence).await.unwrap()
}

fn remind(log: &Log, notes: &Notes) -> Worker {
    let notes = notes.clone();
    log.workers().on_due("remind", REMIND, move |due| {
        let notes = notes.clone();
        async move {
            let now = Utc::now();
            // The server tells time in its own process, so a few milliseconds are nobody's fault.
            if now + TimeDelta::milliseconds(20) < due.at {
                return Err(HandlerError::Poison(format!("{} at {now}", due.at)));
            }
            notes.take(format!(
                "{} {}",
                due.key,
                due.data["text"].as_str().unwrap()
            ));
            Ok(())
        }
    })
}

fn in_millis(millis: i64) -> DateTime<Utc> {
    Utc::now() + TimeDelta::milliseconds(millis)
}

#[tokio::test]
async fn a_command_falls_due_once_at_its_time() {
    let (_nats, log) = start().await;
    let cause = some_commit(&log).await;
    let notes = Notes::default();
    let worker = remind(&log, &notes);
    let schedule = async |key: &str, at, text: &str| {
        let data = json!({ "text": text });
        log.scheduler()
            .schedule("remind", key, at, &cause, data)
            .await
            .unwrap();
    };
    // A server schedules by the second; so each waits for another.
    schedule("replaced", in_millis(60_000), "never").await;
    schedule("replaced", in_millis(1_300), "the second").await;
    schedule("later", in_millis(1_000), "in time").await;
    schedule("past", in_millis(-60_000), "at once").await;
    schedule("far", in_millis(3_600_000), "never").await;
    assert_eq!(notes.until(1).await, ["past at once"]);
    let mut all = notes.until(3).await;
    all.sort();
    assert_eq!(
        all,
        ["later in time", "past at once", "replaced the second"]
    );
    a_while().await;
    assert_eq!(notes.count(), 3, "each fell due once");
    assert!(
        log.dead_letters().list().await.unwrap().is_empty(),
        "none fell due early"
    );

    // Once it fell due, it can be scheduled anew.
    schedule("past", in_millis(-1), "again").await;
    assert_eq!(notes.until(4).await[3], "past again");
    worker.stop().await;

    let scheduler = log.scheduler();
    let bad = scheduler.schedule("remind", "a.b", Utc::now(), &cause, json!({}));
    assert!(matches!(bad.await, Err(StoreError::InvalidId(_))));
}

#[tokio::test]
async fn what_fell_due_while_everything_was_down_comes_after_the_restart() {
    let (nats, log) = start().await;
    let cause = some_commit(&log).await;
    let at = in_millis(400);
    let data = json!({ "text": "after all" });
    log.scheduler()
        .schedule("remind", "a", at, &cause, data)
        .await
        .unwrap();
    nats.kill9().await;
    eventually("its time passed", LONG, || async { Utc::now() > at }).await;
    nats.restart().await;

    let log = connect(nats.url()).await;
    let notes = Notes::default();
    let worker = remind(&log, &notes);
    assert_eq!(notes.until(1).await, ["a after all"]);
    worker.stop().await;
}

#[tokio::test]
async fn a_due_command_leads_to_the_same_command_however_often_it_is_delivered() {
    let (_nats, log) = start().await;
    let cause = some_commit(&log).await;
    let (send, mut due) = tokio::sync::mpsc::unbounded_channel();
    let worker = log.workers().on_due("remind", REMIND, move |command| {
        let send = send.clone();
        async move {
            send.send(command).unwrap();
            Ok(())
        }
    });
    log.scheduler()
        .schedule("remind", "k", Utc::now(), &cause, json!(1))
        .await
        .unwrap();
    let command = tokio::time::timeout(LONG, due.recv())
        .await
        .unwrap()
        .unwrap();
    worker.stop().await;
    let metadata = || command.metadata("branch", Utc::now());
    assert_eq!(metadata().command_id, metadata().command_id);
    assert_eq!(metadata().causation_id, Some(cause.commit_id));
    assert_eq!(metadata().correlation_id, cause.metadata.correlation_id);
    assert_eq!((command.key.as_str(), &command.data), ("k", &json!(1)));
}
