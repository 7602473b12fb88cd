//! Durable subscriptions: order, side by side, outages, ends and crashes.

use crate::support::*;
use async_nats::jetstream;
use eventstore::{Commit, HandlerError, Log, Subscription, Worker};
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use testkit::{DropAcksProxy, LONG, eventually};
use tokio::sync::Semaphore;

const BRANCH: Subscription = Subscription::new("branch-on-accounts");

/// Redelivery after a second, so that tests of it are short.
const IMPATIENT: Subscription = Subscription {
    redeliver_after: Duration::from_secs(1),
    ..BRANCH
};

fn name(commit: &Commit) -> String {
    format!("{}{}", commit.aggregate_id, commit.version)
}

/// Handles with a function that also gets the notes.
fn react<F, Fut>(log: &Log, subscription: Subscription, notes: &Notes, handle: F) -> Worker
where
    F: Fn(Notes, Commit) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    let notes = notes.clone();
    log.workers()
        .on_commit(ACCOUNTS, subscription, move |commit| {
            handle(notes.clone(), commit)
        })
}

/// Handles by taking a note.
fn note(log: &Log, subscription: Subscription, notes: &Notes) -> Worker {
    react(log, subscription, notes, |notes, commit| async move {
        notes.take(name(&commit));
        Ok(())
    })
}

#[tokio::test]
async fn commits_of_an_aggregate_come_in_order_and_those_of_others_side_by_side() {
    let (_nats, log) = start().await;
    deposit_on(&log, &["a", "a", "b", "a", "b", "c"]).await;
    let notes = Notes::default();
    // The first of "a" is held up until told; what comes behind it waits, the others don't.
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    let worker = react(&log, BRANCH, &notes, move |notes, commit| {
        let held = held.clone();
        async move {
            if name(&commit) == "a0" {
                let _passed = held.acquire().await;
            }
            notes.take(name(&commit));
            Ok(())
        }
    });
    notes.until(3).await;
    a_while().await;
    assert_eq!(notes.count(), 3);
    assert!(notes.of("a").is_empty());
    assert_eq!(notes.of("b"), ["b0", "b1"]);
    gate.add_permits(1);
    notes.until(6).await;
    assert_eq!(notes.of("a"), ["a0", "a1", "a2"]);
    // What comes live.
    deposit_on(&log, &["c"]).await;
    assert_eq!(notes.until(7).await[6], "c1");
    worker.stop().await;
    // What was handled isn't handled again.
    let worker = note(&log, BRANCH, &notes);
    deposit_on(&log, &["c"]).await;
    assert_eq!(notes.until(8).await[7..], ["c2"]);
    worker.stop().await;
}

#[tokio::test]
async fn processes_share_the_work() {
    let (nats, log) = start().await;
    let notes = Notes::default();
    let workers = [
        note(&log, BRANCH, &notes),
        note(&connect(nats.url()).await, BRANCH, &notes),
    ];
    let accounts = accounts(&log);
    for i in 0..40 {
        deposit(&accounts, &format!("a{i}-"), 1).await.unwrap();
    }
    let mut all = notes.until(40).await;
    a_while().await;
    assert_eq!(notes.count(), 40);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 40, "each commit went to one of them");
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test]
async fn an_outage_is_waited_for_and_uses_up_no_tries() {
    let (_nats, log) = start().await;
    deposit_on(&log, &["a"]).await;
    let notes = Notes::default();
    let away = Arc::new(AtomicBool::new(true));
    let back = away.clone();
    let few_tries = Subscription {
        max_tries: 1,
        ..BRANCH
    };
    let worker = react(&log, few_tries, &notes, move |notes, commit| {
        let away = away.clone();
        async move {
            if away.load(Ordering::Relaxed) {
                notes.take("away");
                return Err(HandlerError::Unavailable("the branch is closed".to_owned()));
            }
            notes.take(name(&commit));
            Ok(())
        }
    });
    notes.until(4).await;
    back.store(false, Ordering::Relaxed);
    eventually("it is handled", LONG, || async {
        notes.of("a0").len() == 1
    })
    .await;
    worker.stop().await;
    assert!(log.dead_letters().list().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_too_early_comes_again_later() {
    let (_nats, log) = start().await;
    deposit_on(&log, &["a"]).await;
    let notes = Notes::default();
    let worker = react(&log, BRANCH, &notes, |notes, commit| async move {
        notes.take(name(&commit));
        if notes.count() < 8 {
            return Err(HandlerError::RetryAfter(Duration::from_millis(30)));
        }
        Ok(())
    });
    notes.until(8).await;
    a_while().await;
    worker.stop().await;
    assert_eq!(notes.count(), 8);
    assert!(log.dead_letters().list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_stopping_worker_finishes_and_returns_the_rest() {
    let (nats, log) = start().await;
    deposit_on(&log, &["a", "a", "a", "b"]).await;
    let notes = Notes::default();
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    let worker = react(&log, BRANCH, &notes, move |notes, commit| {
        let held = held.clone();
        async move {
            match name(&commit).as_str() {
                "a0" => {
                    notes.take("began");
                    let _passed = held.acquire().await;
                    notes.take("a0");
                    Ok(())
                }
                "b0" => {
                    notes.take("began");
                    Err(HandlerError::Unavailable("away".to_owned()))
                }
                _ => {
                    notes.take("began too late");
                    Ok(())
                }
            }
        }
    });
    notes.until(2).await;
    let stopping = tokio::spawn(async move { worker.stop().await });
    a_while().await;
    assert!(!stopping.is_finished(), "it waits for what it has in hand");
    gate.add_permits(1);
    stopping.await.unwrap();
    assert_eq!(notes.of("a"), ["a0"]);
    assert!(notes.of("began too late").is_empty());

    // Another goes on well before the server would deliver again by itself.
    let others = Notes::default();
    let worker = note(&connect(nats.url()).await, BRANCH, &others);
    let handed_back = tokio::time::timeout(Duration::from_secs(3), others.until(3));
    let mut handed_back = handed_back.await.expect("before the redelivery");
    handed_back.sort();
    assert_eq!(handed_back, ["a1", "a2", "b0"]);
    worker.stop().await;
}

#[tokio::test]
async fn a_long_handler_is_not_given_a_second_time_not_even_while_it_stops() {
    let (nats, log) = start().await;
    deposit_on(&log, &["a"]).await;
    let notes = Notes::default();
    let slow = |notes: Notes, commit: Commit| async move {
        notes.take(name(&commit));
        tokio::time::sleep(Duration::from_millis(3_500)).await;
        notes.take("done");
        Ok(())
    };
    let worker = react(&log, IMPATIENT, &notes, slow);
    notes.until(1).await;
    let others = react(&connect(nats.url()).await, IMPATIENT, &notes, slow);
    // Beyond the redelivery while it works, and again while it stops.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    worker.stop().await;
    assert_eq!(notes.all(), ["a0", "done"]);
    others.stop().await;
    assert_eq!(notes.count(), 2);
}

#[test]
fn what_a_killed_process_had_in_hand_is_delivered_to_another() {
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let (survivor, killed) = (runtime(), runtime());
    let (nats, log) = survivor.block_on(start());
    let notes = Notes::default();
    let url = nats.url().to_owned();
    killed.block_on(async {
        let log = connect(&url).await;
        react(&log, IMPATIENT, &notes, |notes, commit| async move {
            notes.take(format!("began {}", name(&commit)));
            std::future::pending().await
        });
        deposit_on(&log, &["a", "a", "b"]).await;
        notes.until(2).await;
        let works = || async { !log.workers().active().await.unwrap().is_empty() };
        eventually("it is seen at work", LONG, works).await;
    });
    // Its tasks and its connection end where they are, without a word.
    killed.shutdown_background();
    survivor.block_on(async {
        // What it had in hand is nobody's until somebody asks for it.
        let rests = || async { log.workers().active().await.unwrap().is_empty() };
        eventually("nobody is seen at work", LONG, rests).await;
        let others = Notes::default();
        let worker = note(&log, IMPATIENT, &others);
        let mut found = others.until(3).await;
        found.sort();
        assert_eq!(found, ["a0", "a1", "b0"]);
        worker.stop().await;
    });
}

#[tokio::test]
async fn a_subscription_goes_on_after_restarts_and_cut_connections() {
    let (nats, log) = start().await;
    let proxy = DropAcksProxy::start(nats.url(), 1).await;
    let worker_log = connect(proxy.url()).await;
    let notes = Notes::default();
    let worker = note(&worker_log, BRANCH, &notes);
    deposit_on(&log, &["a"]).await;
    notes.until(1).await;
    for round in 1..5 {
        if round % 2 == 0 {
            nats.kill9().await;
            disconnected(&log).await;
            nats.restart().await;
            eventually("the server answers again", LONG, || log.ping()).await;
        } else {
            proxy.cut();
            disconnected(&worker_log).await;
            proxy.restore();
        }
        deposit_on(&log, &["a"]).await;
        let last = format!("a{round}");
        let found = eventually("it goes on", Duration::from_secs(4), || async {
            notes.all().contains(&last)
        });
        found.await;
    }
    let mut all = notes.all();
    all.dedup();
    assert_eq!(all, ["a0", "a1", "a2", "a3", "a4"]);
    worker.stop().await;
}

#[tokio::test]
async fn what_is_delivered_again_while_it_is_in_hand_is_not_begun_twice() {
    let (nats, log) = start().await;
    let proxy = DropAcksProxy::start(nats.url(), 1).await;
    deposit_on(&log, &["a", "a"]).await;
    let notes = Notes::default();
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    let worker_log = connect(proxy.url()).await;
    let worker = react(&worker_log, IMPATIENT, &notes, move |notes, commit| {
        let held = held.clone();
        async move {
            notes.take(name(&commit));
            let _passed = held.acquire().await;
            Ok(())
        }
    });
    notes.until(1).await;
    // No sign of life reaches the server until it gives both up and delivers them again.
    proxy.cut();
    disconnected(&worker_log).await;
    tokio::time::sleep(IMPATIENT.redeliver_after + Duration::from_millis(300)).await;
    proxy.restore();
    let raw = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    let stream = raw.get_stream("ACCOUNTS").await.unwrap();
    let info = async || stream.consumer_info(BRANCH.name).await.unwrap();
    let again = || async {
        info().await.num_ack_pending == 2 && info().await.delivered.consumer_sequence >= 4
    };
    eventually("they are delivered again", LONG, again).await;
    a_while().await;
    assert_eq!(notes.all(), ["a0"], "neither again nor out of turn");
    // The one acknowledgment counts for both deliveries.
    gate.add_permits(1_000);
    let all_done = || async { info().await.num_ack_pending == 0 };
    eventually("both are acknowledged", LONG, all_done).await;
    assert_eq!(notes.all(), ["a0", "a1"]);
    worker.stop().await;
}
