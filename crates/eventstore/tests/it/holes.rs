//! Messages that the server counts and can't give any more: a disk that lost a bit.

use crate::support::*;
use chrono::DateTime;
use eventstore::{AcknowledgedHole, CommandError, Commit, Expectation, Log, StoreError};
use futures_util::TryStreamExt as _;
use testkit::{LONG, Nats, eventually};

/// A log in which one of these deposits is damaged, counted from 1.
async fn damaged(deposits: &[&str], which: usize) -> (Nats, Log) {
    let (nats, log) = start().await;
    deposit_on(&log, deposits).await;
    let commits = log.reader().range(ACCOUNTS, 1, u64::MAX).await.unwrap();
    let commits: Vec<Commit> = commits.try_collect().await.unwrap();
    let text = commits[which - 1].commit_id.to_string();
    nats.damage("ACCOUNTS", &text).await;
    eventually("the server answers", LONG, || log.ping()).await;
    (nats, log)
}

fn hole(first: u64, last: u64) -> AcknowledgedHole {
    AcknowledgedHole {
        stream: ACCOUNTS,
        first,
        last,
        by: "ann".to_owned(),
        reason: "the disk of the only server".to_owned(),
        at: DateTime::UNIX_EPOCH,
    }
}

async fn read(log: &Log, from: u64, to: u64) -> Result<Vec<u64>, StoreError> {
    let commits = log.reader().range(ACCOUNTS, from, to).await?;
    let sequences = commits.map_ok(|commit| commit.sequence);
    sequences.try_collect().await
}

fn is_hole(error: &StoreError, places: (u64, u64)) -> bool {
    matches!(error, StoreError::Hole { first, last, .. } if (*first, *last) == places)
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_stop_at_a_hole_until_it_is_acknowledged() {
    let (nats, log) = damaged(&["a", "b", "a", "b", "c"], 3).await;
    let error = read(&log, 1, u64::MAX).await.unwrap_err();
    assert!(is_hole(&error, (3, 3)), "{error}");
    assert_eq!(
        error.to_string(),
        "ACCOUNTS#3 is missing: the server counts it and can't give it. Restore the server's copy \
         or the log; if that is impossible, acknowledge the hole"
    );
    let mut followed = Box::pin(log.reader().follow(ACCOUNTS, 2));
    let error = next(&mut followed, 1).await.pop().unwrap().unwrap_err();
    assert!(is_hole(&error, (3, 3)), "{error}");

    log.holes().acknowledge(&hole(3, 3)).await.unwrap();
    assert_eq!(read(&log, 1, u64::MAX).await.unwrap(), [1, 2, 4, 5]);
    // A range may begin or end in it.
    assert_eq!(read(&log, 1, 3).await.unwrap(), [1, 2]);
    assert_eq!(read(&log, 3, 4).await.unwrap(), [4]);
    assert!(read(&log, 3, 3).await.unwrap().is_empty());
    let mut followed = Box::pin(log.reader().follow(ACCOUNTS, 2));
    let commit = next(&mut followed, 1).await.pop().unwrap();
    assert_eq!(commit.unwrap().sequence, 4);
    // It is in the log's own history: another process finds it.
    let another = connect(nats.url()).await;
    assert_eq!(
        *another.holes().acknowledged(ACCOUNTS).await.unwrap(),
        [hole(3, 3)]
    );
    assert!(
        another
            .holes()
            .acknowledged(BRANCHES)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hole_at_the_end_is_reported_at_once() {
    let (_nats, log) = damaged(&["a", "b", "c"], 3).await;
    let mut followed = Box::pin(log.reader().follow(ACCOUNTS, 0));
    next(&mut followed, 2).await;
    let error = next(&mut followed, 1).await.pop().unwrap().unwrap_err();
    assert!(is_hole(&error, (3, 3)), "{error}");
    assert_eq!(log.reader().last_sequence(ACCOUNTS).await.unwrap(), 3);

    log.holes().acknowledge(&hole(3, 3)).await.unwrap();
    assert_eq!(log.reader().last_sequence(ACCOUNTS).await.unwrap(), 2);
    assert_eq!(read(&log, 1, u64::MAX).await.unwrap(), [1, 2]);
    let mut followed = Box::pin(log.reader().follow(ACCOUNTS, 2));
    deposit(&accounts(&log), "b", 1).await.unwrap();
    let commit = next(&mut followed, 1).await.pop().unwrap();
    assert_eq!(commit.unwrap().sequence, 4);
    assert_eq!(log.reader().last_sequence(ACCOUNTS).await.unwrap(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_missing_can_be_acknowledged() {
    let (_nats, log) = damaged(&["a", "b", "c", "d"], 2).await;
    for (first, last, why) in [
        (1, 1, "ACCOUNTS#1: nothing is missing there, #1 can be read"),
        (
            2,
            3,
            "ACCOUNTS#2 to #3: nothing is missing there, #3 can be read",
        ),
        (
            5,
            5,
            "ACCOUNTS#5: nothing is missing there, the stream has #1 to #4",
        ),
        (
            0,
            2,
            "ACCOUNTS#0 to #2: nothing is missing there, the stream has #1 to #4",
        ),
        (
            3,
            2,
            "ACCOUNTS#3 to #2: nothing is missing there, the stream has #1 to #4",
        ),
    ] {
        let refused = log.holes().acknowledge(&hole(first, last)).await;
        assert_eq!(refused.unwrap_err().to_string(), why);
    }
    assert!(log.holes().acknowledged(ACCOUNTS).await.unwrap().is_empty());
    let error = read(&log, 1, 4).await.unwrap_err();
    assert!(is_hole(&error, (2, 2)), "{error}");
}

/// What a command and a look at an aggregate fail with, for a process that knew it before and for
/// one that didn't.
async fn failures(nats: &Nats, log: &Log, id: &str) -> Vec<StoreError> {
    let mut failures = Vec::new();
    for log in [log.clone(), connect(nats.url()).await] {
        let store = accounts(&log);
        let executed = store
            .execute(id, Command::Deposit(1), &fresh(), Expectation::Unknown)
            .await;
        match executed {
            Err(CommandError::Failed(failure)) => failures.push(failure),
            other => panic!("decided on what is not known: {other:?}"),
        }
        failures.push(store.load(id).await.unwrap_err());
    }
    failures
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_decided_on_an_aggregate_with_a_hole_in_its_history() {
    let (nats, log) = damaged(&["a", "b", "a", "b", "a"], 3).await;
    for acknowledged in [false, true] {
        if acknowledged {
            log.holes().acknowledge(&hole(3, 3)).await.unwrap();
        }
        for failure in failures(&nats, &log, "a").await {
            let is_gap = matches!(failure, StoreError::Gap { sequence: 5, .. });
            assert!(is_gap, "{failure}");
        }
    }
    // Others go on.
    deposit(&accounts(&log), "b", 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aggregate_whose_newest_commit_is_lost_is_none_that_is_new() {
    for deposits in [["b", "b", "a"], ["a", "b", "a"]] {
        let (nats, log) = damaged(&deposits, 3).await;
        for acknowledged in [false, true] {
            if acknowledged {
                log.holes().acknowledge(&hole(3, 3)).await.unwrap();
            }
            for failure in failures(&nats, &log, "a").await {
                let is_lost = matches!(failure, StoreError::HistoryLost { .. });
                assert!(is_lost, "{failure}");
            }
        }
        assert_eq!(log.reader().last_sequence(ACCOUNTS).await.unwrap(), 2);
    }
}
