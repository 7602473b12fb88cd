//! Messages that can't be handled.

use crate::support::*;
use async_nats::jetstream;
use chrono::Utc;
use eventstore::{Commit, DeadLetter, HandlerError, Log, OpenDeadLetters, Subscription, Worker};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use testkit::{LONG, eventually};

const BRANCH: Subscription = Subscription {
    max_tries: 3,
    ..Subscription::new("branch-on-accounts")
};

/// Can't handle the commits of "bad…" as long as it is told so.
fn react(log: &Log, subscription: Subscription, broken: &Arc<AtomicBool>, notes: &Notes) -> Worker {
    let (broken, notes) = (broken.clone(), notes.clone());
    log.workers()
        .on_commit(ACCOUNTS, subscription, move |commit: Commit| {
            let (broken, notes) = (broken.clone(), notes.clone());
            async move {
                let name = format!("{}{}", commit.aggregate_id, commit.version);
                if commit.aggregate_id.starts_with("bad") && broken.load(Ordering::Relaxed) {
                    notes.take(format!("tried {name}"));
                    return Err(HandlerError::Poison(format!("{name} makes no sense")));
                }
                notes.take(name);
                Ok(())
            }
        })
}

async fn letters(log: &Log, count: usize) -> Vec<DeadLetter> {
    let what = format!("{count} dead letters");
    eventually(&what, LONG, || async {
        let letters = log.dead_letters().list().await.unwrap();
        if letters.len() == count {
            Ok(letters)
        } else {
            Err(letters)
        }
    })
    .await
}

#[tokio::test]
async fn a_poison_message_becomes_a_dead_letter_to_retry_or_drop() {
    let (_nats, log) = start().await;
    deposit_on(&log, &["bad", "good", "bad", "worse", "bad"]).await;
    let (notes, broken) = (Notes::default(), Arc::new(AtomicBool::new(true)));
    let worker = react(&log, BRANCH, &broken, &notes);
    let dead_letter = letters(&log, 3).await;
    assert_eq!(notes.of("tried bad0").len(), 3);
    assert_eq!(notes.of("good0").len(), 1);
    let letter = &dead_letter[0];
    assert_eq!(
        (
            &*letter.subscription,
            &*letter.stream,
            letter.sequence,
            &*letter.key
        ),
        ("branch-on-accounts", "ACCOUNTS", 1, "bad")
    );
    assert_eq!((&*letter.error, letter.tries), ("bad0 makes no sense", 3));

    // Failing again leaves one letter, a new one.
    log.dead_letters().retry(letter).await.unwrap();
    eventually("it was tried again", LONG, || async {
        notes.of("tried bad0").len() == 6
    })
    .await;
    let dead_letter = eventually("a new letter", LONG, || async {
        let letters = log.dead_letters().list().await.unwrap();
        let is_new = letters.len() == 3 && letters.iter().all(|found| found.id != letter.id);
        if is_new { Ok(letters) } else { Err(letters) }
    })
    .await;

    // The fault is mended: one is retried, one is given up, one is left.
    broken.store(false, Ordering::Relaxed);
    let of = |sequence| {
        dead_letter
            .iter()
            .find(|letter| letter.sequence == sequence)
            .unwrap()
    };
    log.dead_letters().drop(of(3)).await.unwrap();
    log.dead_letters().retry(of(1)).await.unwrap();
    let left = letters(&log, 1).await;
    assert_eq!(left[0].sequence, 5);
    assert_eq!(notes.of("bad"), ["bad0"]);
    worker.stop().await;

    // The retry may be asked for while nobody is there.
    log.dead_letters().retry(&left[0]).await.unwrap();
    let worker = react(&log, BRANCH, &broken, &notes);
    letters(&log, 0).await;
    assert_eq!(notes.of("bad"), ["bad0", "bad2"]);
    worker.stop().await;
}

#[tokio::test]
async fn a_repeated_look_reads_only_new_dead_letters() {
    let (_nats, log) = start().await;
    deposit_on(&log, &["bad1-", "bad2-", "bad3-"]).await;
    let (notes, broken) = (Notes::default(), Arc::new(AtomicBool::new(true)));
    let worker = react(&log, BRANCH, &broken, &notes);
    let found = letters(&log, 3).await;
    worker.stop().await;
    let (mut known, record) = (OpenDeadLetters::default(), log.dead_letters());
    assert_eq!(
        (known.catch_up(&record).await.unwrap(), known.len()),
        (3, 3)
    );
    assert_eq!(known.catch_up(&record).await.unwrap(), 0);
    record.drop(&found[0]).await.unwrap();
    assert_eq!(
        (known.catch_up(&record).await.unwrap(), known.len()),
        (1, 2)
    );
}

#[tokio::test]
async fn waiting_messages_do_not_block_others() {
    let (_nats, log) = start().await;
    let (notes, broken) = (Notes::default(), Arc::new(AtomicBool::new(true)));
    // More bad ones than are worked on side by side, for longer than this test lasts.
    let bad: Vec<_> = (0..10).map(|i| format!("bad{i}-")).collect();
    let bad: Vec<_> = bad.iter().map(String::as_str).collect();
    deposit_on(&log, &bad).await;
    let endless = Subscription {
        max_tries: 1_000,
        concurrency: 2,
        ..BRANCH
    };
    let worker = react(&log, endless, &broken, &notes);
    eventually("all were tried", LONG, || async {
        notes.of("tried").len() >= 50
    })
    .await;
    deposit_on(&log, &["good"]).await;
    let handled = eventually(
        "the good one is handled",
        Duration::from_secs(1),
        || async { notes.of("good").len() == 1 },
    );
    handled.await;
    worker.stop().await;
}

#[tokio::test]
async fn a_panicking_handler_is_poison_and_blocks_nothing() {
    let (_nats, log) = start().await;
    deposit_on(&log, &["a", "a"]).await;
    let notes = Notes::default();
    let seen = notes.clone();
    let worker = log
        .workers()
        .on_commit(ACCOUNTS, BRANCH, move |commit: Commit| {
            let seen = seen.clone();
            async move {
                assert!(commit.version > 0, "no version {}", commit.version);
                seen.take("a1");
                Ok(())
            }
        });
    assert_eq!(notes.until(1).await, ["a1"]);
    let letters = letters(&log, 1).await;
    assert_eq!(letters[0].error, "the handler panicked: no version 0");
    worker.stop().await;
}

#[tokio::test]
async fn what_is_no_commit_becomes_a_dead_letter_too() {
    let (nats, log) = start().await;
    let raw = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    raw.publish("ACCOUNTS.x", "garbage".into())
        .await
        .unwrap()
        .await
        .unwrap();
    deposit_on(&log, &["a"]).await;
    let (notes, broken) = (Notes::default(), Arc::new(AtomicBool::new(false)));
    let worker = react(&log, BRANCH, &broken, &notes);
    assert_eq!(notes.until(1).await, ["a0"]);
    let letters = letters(&log, 1).await;
    assert_eq!(
        letters[0].error,
        "ACCOUNTS#1: no commits can be read from it: expected value at line 1 column 1"
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_dead_letter_whose_message_is_gone_is_closed_when_it_is_retried() {
    let (nats, log) = start().await;
    let sequence = deposit_on(&log, &["a"]).await;
    let cause = log.reader().commit_at(ACCOUNTS, sequence).await.unwrap();
    let worker = log.workers().on_due("remind", BRANCH, |due| async move {
        Err(HandlerError::Poison(format!("{} makes no sense", due.key)))
    });
    let data = serde_json::Value::Null;
    log.scheduler()
        .schedule("remind", "k", Utc::now(), &cause, data)
        .await
        .unwrap();
    let letter = letters(&log, 1).await.remove(0);
    assert_eq!(
        (&*letter.stream, &*letter.key),
        ("COMMANDS", "due.remind.k")
    );
    // Due commands are not kept for ever.
    let raw = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    let commands = raw.get_stream("COMMANDS").await.unwrap();
    commands.delete_message(letter.sequence).await.unwrap();
    log.dead_letters().retry(&letter).await.unwrap();
    letters(&log, 0).await;
    worker.stop().await;
}
