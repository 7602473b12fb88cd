//! What waits for something that is away, or was delivered often: it holds up nobody and is no
//! dead letter for it.

use crate::support::*;
use eventstore::{Commit, DeadLetter, HandlerError, Log, Subscription, Worker};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use testkit::{LONG, eventually};

const BRANCH: Subscription = Subscription {
    redeliver_after: Duration::from_millis(300),
    ..Subscription::new("branch-on-accounts")
};

/// Can handle commits of "a…" only while the branch is open, and all others always.
fn react(log: &Log, open: &Arc<AtomicBool>, notes: &Notes) -> Worker {
    let (open, notes) = (open.clone(), notes.clone());
    log.workers()
        .on_commit(ACCOUNTS, BRANCH, move |commit: Commit| {
            let (open, notes) = (open.clone(), notes.clone());
            async move {
                let id = &commit.aggregate_id;
                if id.starts_with('a') && !open.load(Ordering::Relaxed) {
                    notes.take(format!("tried {id}"));
                    return Err(HandlerError::Unavailable("the branch is closed".to_owned()));
                }
                notes.take(format!("{id}:{}", commit.version));
                Ok(())
            }
        })
}

#[tokio::test]
async fn a_thousand_waiting_messages_block_no_other_and_keep_order() {
    let (_nats, log) = start().await;
    let many: Vec<_> = (0..1_000).map(|i| format!("a{i}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    deposit_on(&log, &many).await;
    deposit_on(&log, &["a7", "a7", "b"]).await;
    let (open, notes) = (Arc::new(AtomicBool::new(false)), Notes::default());
    let worker = react(&log, &open, &notes);
    eventually("the one that needs nothing is handled", LONG, || async {
        notes.of("b:").len() == 1
    })
    .await;
    // What comes while all of them wait is as soon as ever.
    deposit_on(&log, &["a7", "b"]).await;
    let soon = Duration::from_secs(3);
    eventually("the next one, too", soon, || async {
        notes.of("b:").len() == 2
    })
    .await;
    assert!(notes.of("a").is_empty());

    open.store(true, Ordering::Relaxed);
    eventually("all are handled", LONG, || async {
        let handled = notes.of("a").len();
        if handled >= 1_003 {
            Ok(())
        } else {
            Err(handled)
        }
    })
    .await;
    assert_eq!(notes.of("a7:"), ["a7:0", "a7:1", "a7:2", "a7:3"]);
    worker.stop().await;
    assert!(log.dead_letters().list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_message_that_many_stops_handed_back_is_no_dead_letter() {
    let (_nats, log) = start().await;
    deposit_on(&log, &["a1", "a2"]).await;
    let (open, notes) = (Arc::new(AtomicBool::new(false)), Notes::default());
    for roll in 1..=60 {
        let worker = react(&log, &open, &notes);
        let tried = || async {
            let tried = ["tried a1", "tried a2"].map(|name| notes.of(name).len() >= roll);
            tried == [true, true]
        };
        eventually("both were tried", LONG, tried).await;
        worker.stop().await;
    }
    open.store(true, Ordering::Relaxed);
    let worker = react(&log, &open, &notes);
    eventually("both are handled", LONG, || async {
        notes.of("a").len() == 2
    })
    .await;
    worker.stop().await;
    assert!(log.dead_letters().list().await.unwrap().is_empty());
}

/// Runs a process that lives until the killer is tried, and ends without a word then. Gives nothing
/// if it came to that, and otherwise the dead letter, which is another than the known one.
fn killed_unless_set_aside(url: &str, known: Option<u64>) -> Option<DeadLetter> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let letter = runtime.block_on(async {
        let log = connect(url).await;
        let strikes = Notes::default();
        let strike = strikes.clone();
        let _worker = log
            .workers()
            .on_commit(ACCOUNTS, BRANCH, move |commit: Commit| {
                let strike = strike.clone();
                async move {
                    if commit.aggregate_id == "killer" {
                        strike.take("struck");
                        std::future::pending::<()>().await;
                    }
                    // The good one is always in hand when the process ends.
                    Err(HandlerError::Unavailable("the branch is closed".to_owned()))
                }
            });
        eventually("it struck, or is set aside", LONG, || async {
            let letters = log.dead_letters().list().await.unwrap();
            let letter = letters.into_iter().find(|it| Some(it.id) != known);
            let settled = strikes.count() > 0 || letter.is_some();
            if settled {
                Ok(letter)
            } else {
                Err(strikes.count())
            }
        })
        .await
    });
    runtime.shutdown_background();
    letter
}

fn how_it_is_set_aside(url: &str, known: Option<u64>) -> DeadLetter {
    for _ in 0..40 {
        if let Some(letter) = killed_unless_set_aside(url, known) {
            return letter;
        }
    }
    panic!("it goes on killing");
}

#[test]
fn only_the_message_that_crashes_processes_is_a_dead_letter() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (nats, log) = runtime.block_on(start());
    runtime.block_on(deposit_on(&log, &["killer", "a"]));
    let letter = how_it_is_set_aside(nats.url(), None);
    let why = "ended the process that handled it, 3 times";
    assert_eq!((&*letter.key, &*letter.error), ("killer", why));
    // A retry that ends its process each time comes to an end as well.
    runtime.block_on(log.dead_letters().retry(&letter)).unwrap();
    let again = how_it_is_set_aside(nats.url(), Some(letter.id));
    assert_eq!((&*again.key, &*again.error), ("killer", why));

    runtime.block_on(async {
        let (open, notes) = (Arc::new(AtomicBool::new(true)), Notes::default());
        let worker = react(&log, &open, &notes);
        assert_eq!(notes.until(1).await, ["a:0"]);
        worker.stop().await;
        let letters = log.dead_letters().list().await.unwrap();
        assert_eq!(letters, [again]);
    });
}
