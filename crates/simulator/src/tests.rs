//! Properties of a season.

use chrono::{DateTime, Timelike, Utc};
use eventstore::HistoricalCommit;
use std::collections::{BTreeMap, HashMap, HashSet};

use crate::{Plan, Simulation};

const PLAN: Plan = Plan {
    sellers: 40,
    buyers: 400,
    tickets: 600,
    days: 21,
    seed: 7,
    start: DateTime::<Utc>::UNIX_EPOCH,
};

fn commits(plan: Plan) -> Vec<HistoricalCommit> {
    Simulation::new(plan).collect::<Result<_, _>>().unwrap()
}

/// Number of events by type.
fn types(commits: &[HistoricalCommit]) -> BTreeMap<String, u64> {
    let mut types = BTreeMap::new();
    for commit in commits {
        let events: serde_json::Value = serde_json::from_slice(commit.events_json()).unwrap();
        for event in events.as_array().unwrap() {
            *types
                .entry(event["type"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
    }
    types
}

#[test]
fn the_seed_determines_the_history() {
    let once = commits(PLAN);
    assert!(once == commits(PLAN));
    assert!(once != commits(Plan { seed: 8, ..PLAN }));
}

/// Fails when anything about the season changes: analysts' courses contain its figures.
#[test]
fn the_history_of_a_seed_never_changes() {
    let commits = commits(PLAN);
    let tally = {
        let mut season = Simulation::new(PLAN);
        season.by_ref().for_each(drop);
        season.tally()
    };
    let (first, last) = (&commits[0], &commits[commits.len() - 1]);
    insta::assert_debug_snapshot!((tally, types(&commits), first, last));
}

#[test]
fn a_season_contains_every_kind_of_event() {
    let types = types(&commits(PLAN));
    let all = [
        "UserRegistered",
        "TicketListed",
        "TicketRevised",
        "TicketReserved",
        "TicketReleased",
        "TicketSold",
        "OrderPlaced",
        "OrderAwaitingPayment",
        "OrderCompleted",
        "OrderCancelled",
        "PaymentRefused",
        "PaymentBegun",
        "PaymentDeclined",
        "PaymentAuthorized",
        "PaymentCaptured",
        "PaymentVoided",
    ];
    for event in all {
        assert!(
            types.contains_key(event),
            "{event} never happens: {types:?}"
        );
    }
}

#[test]
fn a_season_leaves_no_order_open() {
    let types = types(&commits(PLAN));
    let count = |event: &str| types.get(event).copied().unwrap_or_default();
    let ended = count("OrderCompleted") + count("OrderCancelled");
    assert_eq!(count("OrderPlaced"), ended);
    assert_eq!(
        count("PaymentBegun"),
        count("PaymentCaptured") + count("PaymentVoided")
    );
    assert_eq!(count("OrderCompleted"), count("PaymentCaptured"));
    assert_eq!(count("TicketSold"), count("OrderCompleted"));
    assert_eq!(count("TicketReserved"), count("OrderPlaced"));
}

#[test]
fn a_season_is_consistent() {
    let commits = commits(PLAN);
    let mut versions: HashMap<_, u64> = HashMap::new();
    let (mut ids, mut commands) = (HashSet::new(), HashSet::new());
    let mut before = PLAN.start;
    for commit in &commits {
        let key = (commit.stream, commit.aggregate_id.clone());
        let version = versions.entry(key.clone()).or_default();
        assert_eq!(commit.version, *version, "{key:?}");
        *version += 1;
        assert!(before <= commit.metadata.time, "time never goes back");
        before = commit.metadata.time;
        assert!(commands.insert((key, commit.metadata.command_id)));
        if let Some(cause) = commit.metadata.causation_id {
            assert!(ids.contains(&cause), "the cause comes first");
        }
        assert!(ids.insert(commit.commit_id));
    }
    assert!(before < PLAN.end());
}

#[test]
fn a_season_is_busier_in_the_evening_than_at_night() {
    let mut hours = [0_u32; 24];
    for commit in commits(PLAN) {
        hours[commit.metadata.time.hour() as usize] += 1;
    }
    assert!(hours[20] > 10 * hours[4], "{hours:?}");
}

#[test]
fn a_market_without_buyers_has_no_orders() {
    let plan = Plan {
        sellers: 0,
        buyers: 0,
        tickets: 0,
        ..PLAN
    };
    assert_eq!(commits(plan).len(), 0);
}
