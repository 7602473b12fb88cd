//! Folds that follow a real log return, at any moment, the figures of a replay.
#![allow(clippy::unwrap_used, reason = "a test has nobody to hand an error to")]

use analysis::{AnalysisError, Fold, IncrementalReplay, Range, Table, folds::AllFolds, replay};
use simulator::{Plan, Simulation};
use testkit::Nats;

mod support;

use support::{connected, write};

fn text(tables: &[Table]) -> Vec<(&str, String)> {
    let tables = tables.iter();
    tables.map(|table| (table.name, table.ndjson())).collect()
}

#[tokio::test]
async fn an_incremental_replay_equals_a_full_one() {
    let nats = Nats::start().await;
    let log = connected(&nats).await;
    let plan = Plan {
        tickets: 120,
        days: 5,
        ..Plan::default()
    };
    let history: Vec<_> = Simulation::new(plan).collect::<Result<_, _>>().unwrap();
    assert!(history.len() > 700, "{}", history.len());

    let mut incremental = IncrementalReplay::new(&log, AllFolds::default());
    let nothing = incremental.catch_up(|_| {}).await.unwrap();
    assert_eq!((nothing.commits, nothing.newest), (0, None));
    for part in history.chunks(history.len() / 7) {
        write(&log, part).await;
        let seen = incremental.catch_up(|_| {}).await.unwrap();
        assert_eq!(seen.commits, seen.of);
        let mut fresh = AllFolds::default();
        let replayed = replay(&log, &Range::all(), &mut fresh, |_, _| {}).await;
        assert_eq!(seen.commits, replayed.unwrap().commits);
        let fresh = fresh.tables();
        assert_eq!(text(&incremental.fold().tables()), text(&fresh));
        // Reading the figures changes nothing.
        assert_eq!(text(&incremental.fold().tables()), text(&fresh));
    }
    let newest = history.iter().map(|commit| commit.metadata.time).max();
    let seen = incremental.catch_up(|_| {}).await.unwrap();
    assert_eq!(seen.newest, newest);
    assert_eq!(seen.commits, incremental.progress().of);
}

#[tokio::test]
async fn a_log_shorter_than_what_was_read_is_another_log() {
    let nats = Nats::start().await;
    let log = connected(&nats).await;
    let plan = Plan {
        tickets: 5,
        days: 1,
        ..Plan::default()
    };
    let history: Vec<_> = Simulation::new(plan).collect::<Result<_, _>>().unwrap();
    write(&log, &history).await;
    let mut incremental = IncrementalReplay::new(&log, AllFolds::default());
    incremental.catch_up(|_| {}).await.unwrap();

    for stream in event_streams::ALL {
        log.backup().delete_for_restore(stream).await.unwrap();
    }
    for mut plan in log.streams().plans().await.unwrap() {
        plan.create_on_purpose();
        log.streams().migrate(&plan).await.unwrap();
    }
    let error = incremental.catch_up(|_| {}).await.unwrap_err();
    assert!(matches!(error, AnalysisError::PastEnd { .. }), "{error}");
}
