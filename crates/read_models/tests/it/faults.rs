//! Servers that die, freeze and come back.

use event_streams::TICKETS;
use projections::{ReadError, RunnerSettings, RunnerState, rebuild, verify};
use read_models::tickets::{Tickets, TicketsProjection};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use testkit::{LONG, eventually};
use uuid::Uuid;

use crate::support::{World, identity, quick, reaches_commit};

/// A read must have failed by then.
const SOON: Duration = Duration::from_millis(2_500);

async fn start(world: &World) -> Tickets {
    world.tickets().await
}

async fn recovers(tickets: &Tickets, sequence: u64) {
    let progress = tickets.runner().progress();
    assert!(
        progress.wait_for(TICKETS, sequence, LONG).await,
        "{:?}",
        tickets.runner().state()
    );
}

async fn is_true_to_the_log(world: &World) {
    let difference = verify(&TicketsProjection, &world.log, &world.store).await;
    assert_eq!(difference.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_fail_soon_while_mongodb_is_away_and_all_is_well_when_it_is_back() {
    let world = World::with_own_mongo().await;
    let tickets = start(&world).await;
    let mut trader = world.trader();
    let (id, at) = trader.list(Uuid::new_v4(), "Concert", 100).await;
    recovers(&tickets, at).await;
    for freeze in [false, true] {
        if freeze {
            world.mongo.pause();
        } else {
            world.mongo.kill9().await;
        }
        let at = trader.revise(id, "Opera", 100).await;
        let asked = Instant::now();
        let read = tickets.get(id).await;
        assert!(
            matches!(read, Err(ReadError::Unavailable { .. })),
            "{read:?}"
        );
        assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
        if freeze {
            world.mongo.resume();
        } else {
            world.mongo.restart().await;
        }
        recovers(&tickets, at).await;
        eventually("reads work", LONG, || tickets.get(id)).await;
        is_true_to_the_log(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_mongodb_is_killed_again_and_again_under_load() {
    let world = World::with_own_mongo().await;
    let tickets = start(&world).await;
    let end = Arc::new(AtomicBool::new(false));
    let last = Arc::new(AtomicU64::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let (mut trader, tickets) = (world.trader(), tickets.clone());
        let (end, last) = (end.clone(), last.clone());
        tasks.spawn(async move {
            let mut acknowledged = 0;
            while !end.load(Ordering::SeqCst) {
                let (id, _) = trader.list(Uuid::new_v4(), "0", 100).await;
                let at = trader.revise(id, "1", 100).await;
                last.fetch_max(at, Ordering::SeqCst);
                let progress = tickets.runner().progress();
                let in_time = progress
                    .wait_for(TICKETS, at, Duration::from_millis(200))
                    .await;
                if !in_time {
                    progress.require_globally(TICKETS, at);
                }
                // Acknowledged: a read shows it or fails, and never shows less.
                match tickets.find(id).await {
                    Ok(shown) => {
                        let shown = shown.expect("an acknowledged ticket is gone");
                        let shown: api::Ticket = serde_json::from_slice(&shown.bytes).unwrap();
                        assert_eq!(shown.version, 1);
                        acknowledged += 1;
                    }
                    Err(ReadError::Unavailable { .. }) => {}
                    Err(other) => panic!("{other}"),
                }
            }
            acknowledged
        });
    }
    for round in 1..=3 {
        let enough = last.load(Ordering::SeqCst) + 200 * round;
        eventually("there is load", LONG, || async {
            last.load(Ordering::SeqCst) > enough
        })
        .await;
        world.mongo.kill9().await;
        world.mongo.restart().await;
        let now = last.load(Ordering::SeqCst);
        recovers(&tickets, now).await;
    }
    end.store(true, Ordering::SeqCst);
    while let Some(done) = tasks.join_next().await {
        assert!(done.unwrap() > 0);
    }
    recovers(&tickets, last.load(Ordering::SeqCst)).await;
    is_true_to_the_log(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folding_goes_on_when_nats_is_back() {
    let world = World::start().await;
    let tickets = start(&world).await;
    let mut trader = world.trader();
    let (id, at) = trader.list(Uuid::new_v4(), "Concert", 100).await;
    recovers(&tickets, at).await;
    world.nats.kill9().await;
    // What is there is shown without the log.
    assert_eq!(tickets.get(id).await.unwrap().unwrap().version, 0);
    world.nats.restart().await;
    eventually("the log is back", LONG, || world.log.ping()).await;
    let at = trader.revise(id, "Opera", 100).await;
    recovers(&tickets, at).await;
    assert_eq!(tickets.get(id).await.unwrap().unwrap().version, 1);
    is_true_to_the_log(&world).await;
}

#[tokio::test]
async fn a_start_without_mongodb_waits_for_it() {
    let world = World::with_own_mongo().await;
    let (id, at) = world.trader().list(Uuid::new_v4(), "Concert", 100).await;
    world.mongo.kill9().await;
    let tickets = start(&world).await;
    let mut state = tickets.runner().watch_state();
    let retries = state.wait_for(|state| matches!(state, RunnerState::Retrying { .. }));
    tokio::time::timeout(LONG, retries).await.unwrap().unwrap();
    assert!(tickets.runner().ready().is_err());
    let asked = Instant::now();
    assert!(tickets.find(id).await.is_err());
    assert!(asked.elapsed() < SOON);
    world.mongo.restart().await;
    recovers(&tickets, at).await;
    assert!(tickets.find(id).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_goes_on_where_it_was_after_the_log_was_away() {
    let world = World::start().await;
    let mut trader = world.trader();
    for n in 0..3_000 {
        trader.list(Uuid::new_v4(), &n.to_string(), 100).await;
    }
    let settings = RunnerSettings {
        batch: 2,
        ..quick()
    };
    let tickets = Tickets::start(&world.log, &world.store, settings)
        .await
        .unwrap();
    reaches_commit(&tickets, 3_000).await;
    let store = world.store.clone();
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let asked = tokio::spawn(async move {
        rebuild(&store, "tickets_v2", |progress| {
            let _ = told.send(progress.done);
        })
        .await
    });
    let on_its_way = async { while heard.recv().await.is_some_and(|done| done == 0) {} };
    tokio::time::timeout(LONG, on_its_way).await.unwrap();
    let half_built = identity(&world, "tickets_v2_rebuild").await;
    world.nats.kill9().await;
    // What was read ahead goes on being folded, until it is asked how long the log is.
    let mut last = 0;
    let silence = async {
        let quiet = Duration::from_secs(2);
        while let Ok(Some(done)) = tokio::time::timeout(quiet, heard.recv()).await {
            last = done;
        }
    };
    tokio::time::timeout(LONG, silence).await.unwrap();
    assert!(last < 3_000, "it was done before the log went away");
    assert!(!asked.is_finished(), "{:?}", asked.await);
    world.nats.restart().await;
    asked.await.unwrap().unwrap();
    let now = identity(&world, "tickets_v2").await;
    assert_eq!(now, half_built, "it went on with what was built");
    let at = world.trader().list(Uuid::new_v4(), "After", 100).await.1;
    reaches_commit(&tickets, at).await;
    let difference = verify(&TicketsProjection, &world.log, &world.store).await;
    assert_eq!(difference.unwrap(), None);
}
