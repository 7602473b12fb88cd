//! Commits that the log's server has lost: a read model halts there, and goes on when somebody has
//! acknowledged it.

use chrono::Utc;
use event_streams::TICKETS;
use eventstore::AcknowledgedHole;
use projections::{RebuildError, RunnerState, rebuild, verify};
use read_models::tickets::{TicketQuery, Tickets, TicketsProjection};
use testkit::{LONG, eventually};
use uuid::Uuid;

use crate::support::{World, reaches_commit};

/// A read model of some tickets, stopped, and as many more in the log.
async fn listed(before: usize, after: usize) -> (World, Vec<Uuid>) {
    let world = World::start().await;
    let mut trader = world.trader();
    let (mut ids, mut last) = (Vec::new(), 0);
    for _ in 0..before {
        let (id, at) = trader.list(Uuid::new_v4(), "Concert", 100).await;
        ids.push(id);
        last = at;
    }
    let tickets = world.tickets().await;
    reaches_commit(&tickets, last).await;
    tickets.runner().stop().await;
    for _ in 0..after {
        ids.push(trader.list(Uuid::new_v4(), "Concert", 100).await.0);
    }
    (world, ids)
}

async fn damage(world: &World, ticket: Uuid) {
    world.nats.damage("TICKETS", &ticket.to_string()).await;
    eventually("the log answers", LONG, || world.log.ping()).await;
}

async fn acknowledge(world: &World, first: u64, last: u64) {
    let hole = AcknowledgedHole {
        stream: TICKETS,
        first,
        last,
        by: "ann".to_owned(),
        reason: "a disk".to_owned(),
        at: Utc::now(),
    };
    world.log.holes().acknowledge(&hole).await.unwrap();
}

async fn halts_at(tickets: &Tickets, place: &str) {
    let mut watched = tickets.runner().watch_state();
    let halts = watched.wait_for(|now| matches!(now, RunnerState::Halted { .. }));
    let waited = tokio::time::timeout(LONG, halts).await;
    let state = tickets.runner().state();
    assert!(waited.is_ok(), "{state:?}");
    let why = tickets.runner().ready().unwrap_err();
    assert!(why.contains(place), "{why}");
}

async fn goes_on(world: &World, tickets: &Tickets, count: usize) {
    eventually("the read model goes on", LONG, || async {
        tickets.runner().ready()
    })
    .await;
    let page = tickets.list(&TicketQuery::default()).await.unwrap();
    let found: Vec<api::Ticket> = serde_json::from_slice(&page.bytes).unwrap();
    assert_eq!(found.len(), count);
    let difference = verify(&TicketsProjection, &world.log, &world.store).await;
    assert_eq!(difference.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hole_halts_and_ends_by_itself_when_it_is_acknowledged() {
    let (world, ids) = listed(3, 4).await;
    damage(&world, ids[4]).await;
    let tickets = world.tickets().await;
    halts_at(&tickets, "TICKETS#5 is missing").await;
    // Nothing before it is lost, and nothing behind it is shown.
    assert_eq!(tickets.runner().progress().applied().of(TICKETS), 4);
    let rebuilt = rebuild(&world.store, "tickets_v2", |_| {}).await;
    let Err(RebuildError::Failed(why)) = rebuilt else {
        panic!("{rebuilt:?}");
    };
    assert!(why.contains("TICKETS#5 is missing"), "{why}");
    acknowledge(&world, 5, 5).await;
    goes_on(&world, &tickets, 6).await;
    rebuild(&world.store, "tickets_v2", |_| {}).await.unwrap();
    goes_on(&world, &tickets, 6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledged_hole_at_the_end_of_the_log_is_not_waited_for() {
    let (world, ids) = listed(2, 2).await;
    damage(&world, ids[3]).await;
    let tickets = world.tickets().await;
    halts_at(&tickets, "TICKETS#4 is missing").await;
    acknowledge(&world, 4, 4).await;
    goes_on(&world, &tickets, 3).await;
    let (_, at) = world.trader().list(Uuid::new_v4(), "Opera", 100).await;
    assert_eq!(at, 5);
    reaches_commit(&tickets, at).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_folded_last_may_be_what_is_lost() {
    let (world, ids) = listed(3, 0).await;
    damage(&world, ids[2]).await;
    let (_, at) = world.trader().list(Uuid::new_v4(), "Opera", 100).await;
    let tickets = world.tickets().await;
    halts_at(&tickets, "TICKETS#3 is missing").await;
    acknowledge(&world, 3, 3).await;
    reaches_commit(&tickets, at).await;
    // It goes on from what it shows, and that is more than the log holds: a rebuild settles it.
    assert!(tickets.get(ids[2]).await.unwrap().is_some());
    rebuild(&world.store, "tickets_v2", |_| {}).await.unwrap();
    goes_on(&world, &tickets, 3).await;
}
