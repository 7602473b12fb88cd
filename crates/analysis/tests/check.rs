//! Checking a real log while it grows.
#![allow(clippy::unwrap_used, reason = "a test has nobody to hand an error to")]

use analysis::{Rule, check};
use event_streams::ORDERS;
use eventstore::HistoricalCommit;
use simulator::{Plan, Simulation};
use testkit::Nats;
use tokio::sync::oneshot;

mod support;

use support::{connected, write};

/// Number of the orders' commits that come late.
const LATE: usize = 3;

#[tokio::test]
async fn commits_during_a_check_are_not_reported_as_missing() {
    let nats = Nats::start().await;
    let log = connected(&nats).await;
    // Long enough that the check reports progress before the end.
    let plan = Plan {
        tickets: 600,
        days: 20,
        ..Plan::default()
    };
    let history: Vec<_> = Simulation::new(plan).collect::<Result<_, _>>().unwrap();
    let orders = history.iter().filter(|commit| commit.stream == ORDERS);
    let orders: Vec<_> = orders.map(|commit| commit.commit_id).collect();
    let late = &orders[orders.len() - LATE..];
    let is_late = |commit: &HistoricalCommit| late.contains(&commit.commit_id);
    let (late, there): (Vec<_>, Vec<_>) = history.iter().cloned().partition(is_late);
    write(&log, &there).await;

    let mut found = Vec::new();
    let lacking = check(&log, |finding| found.push(finding), |_, _| {}).await;
    assert!(lacking.unwrap().findings > 0);
    let causes = found
        .iter()
        .filter(|one| one.rule == Rule::CausationPresent);
    assert!(causes.count() > 0, "{found:#?}");

    // The ends of the streams are known when progress is first reported.
    let (begun, begins) = oneshot::channel();
    let mut begun = Some(begun);
    let mut found = Vec::new();
    let checking = check(
        &log,
        |finding| found.push(finding),
        |_, _| {
            if let Some(begun) = begun.take() {
                let _ = begun.send(());
            }
        },
    );
    let growing = async {
        begins.await.unwrap();
        write(&log, &late).await;
    };
    let (checked, ()) = tokio::join!(checking, growing);
    assert_eq!(checked.unwrap().commits, there.len() as u64);
    assert!(found.is_empty(), "{found:#?}");
}
