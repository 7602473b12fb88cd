//! Who folds, who stands by, and what is repeated.

use event_streams::TICKETS;
use mongodb::bson::{Document, doc};
use projections::{RunnerSettings, RunnerState, pause, read_models, resume, verify};
use read_models::tickets::{TicketQuery, Tickets, TicketsProjection};
use std::time::{Duration, Instant};
use testkit::{LONG, eventually};
use uuid::Uuid;

use crate::support::{World, documents, quick, reaches_commit};

async fn start(world: &World, settings: RunnerSettings) -> Tickets {
    let store = world.another_store().await;
    Tickets::start(&world.log, &store, settings).await.unwrap()
}

async fn reaches(tickets: &Tickets, state: RunnerState) {
    let mut watched = tickets.runner().watch_state();
    let waited = tokio::time::timeout(LONG, watched.wait_for(|now| *now == state)).await;
    let now = tickets.runner().state();
    assert!(waited.is_ok(), "{now:?} instead of {state:?}");
}

#[tokio::test]
async fn one_of_two_processes_folds_and_the_other_takes_over_when_it_dies() {
    let world = World::start().await;
    let mut trader = world.trader();
    let first = start(&world, quick()).await;
    reaches(&first, RunnerState::Active).await;
    let second = start(&world, quick()).await;
    reaches(&second, RunnerState::StandingBy).await;

    let (id, at) = trader.list(Uuid::new_v4(), "Concert", 100).await;
    reaches_commit(&first, at).await;
    reaches_commit(&second, at).await;
    assert_eq!(first.runner().state(), RunnerState::Active);
    assert_eq!(second.runner().state(), RunnerState::StandingBy);

    let died = Instant::now();
    drop(first); // The lease isn't given back.
    reaches(&second, RunnerState::Active).await;
    assert!(died.elapsed() < quick().lease + Duration::from_secs(5));
    let at = trader.revise(id, "Opera", 200).await;
    reaches_commit(&second, at).await;
    assert_eq!(second.get(id).await.unwrap().unwrap().title, "Opera");
    let difference = verify(&TicketsProjection, &world.log, &world.store).await;
    assert_eq!(difference.unwrap(), None);
}

#[tokio::test]
async fn a_process_that_takes_over_shows_what_was_acknowledged_before() {
    let world = World::start().await;
    for _ in 0..5 {
        // Somebody folds who is about to die.
        let leases = world
            .raw()
            .await
            .collection::<Document>("projection_leases");
        let held = vec![doc! { "$set": {
            "holder": "another",
            "expires_at": { "$add": ["$$NOW", 400] },
        } }];
        let lease = leases.update_one(doc! { "_id": "tickets_v2" }, held);
        lease.upsert(true).await.unwrap();
        let tickets = start(&world, quick()).await;
        reaches(&tickets, RunnerState::StandingBy).await;
        // Acknowledged by nobody knows whom, and not applied yet.
        let (id, _) = world.trader().list(Uuid::new_v4(), "Concert", 100).await;
        reaches(&tickets, RunnerState::Active).await;
        assert!(tickets.find(id).await.unwrap().is_some());
        tickets.runner().stop().await;
    }
}

#[tokio::test]
async fn commits_are_batched_unless_a_read_waits() {
    let world = World::start().await;
    let mut trader = world.trader();
    let settings = RunnerSettings {
        gather: Duration::from_hours(1),
        ..quick()
    };
    let tickets = start(&world, settings).await;
    let progress = tickets.runner().progress();
    let (id, at) = trader.list(Uuid::new_v4(), "0", 100).await;
    assert!(progress.wait_for(TICKETS, at, LONG).await);
    let mut changes = progress.changes();
    for text in 1..=20 {
        trader.revise(id, &text.to_string(), 100).await;
    }
    // Whoever waited for the first may still have been there when the second came.
    let batches = std::iter::from_fn(|| changes.try_recv().ok()).count();
    assert!(batches <= 1, "{batches} batches, and nobody waits");
    assert!(progress.wait_for(TICKETS, 21, LONG).await);
    // The first read that has to wait is somebody too.
    trader.revise(id, "last", 100).await;
    progress.require_globally(TICKETS, 22);
    assert_eq!(tickets.get(id).await.unwrap().unwrap().title, "last");
}

#[tokio::test]
async fn a_process_that_stops_hands_over_at_once() {
    let world = World::start().await;
    // Nobody gets a lease in this test that isn't given back.
    let settings = RunnerSettings {
        lease: Duration::from_hours(1),
        ..quick()
    };
    let first = start(&world, settings.clone()).await;
    reaches(&first, RunnerState::Active).await;
    let second = start(&world, settings).await;
    reaches(&second, RunnerState::StandingBy).await;
    first.runner().stop().await;
    assert_eq!(first.runner().state(), RunnerState::Stopped);
    reaches(&second, RunnerState::Active).await;
}

#[tokio::test]
async fn a_process_that_stands_by_shows_what_the_other_folded() {
    let world = World::start().await;
    let mut trader = world.trader();
    let first = start(&world, quick()).await;
    reaches(&first, RunnerState::Active).await;
    let second = start(&world, quick()).await;
    let (id, mut at) = trader.list(Uuid::new_v4(), "0", 100).await;
    for text in 1..50 {
        reaches_commit(&second, at).await;
        let shown = second.find(id).await.unwrap().unwrap();
        let shown: api::Ticket = serde_json::from_slice(&shown.bytes).unwrap();
        assert_eq!(shown.title, (text - 1).to_string());
        at = trader.revise(id, &text.to_string(), 100).await;
    }
}

#[tokio::test]
async fn a_floor_that_one_process_raises_holds_in_the_others() {
    let world = World::start().await;
    let first = start(&world, quick()).await;
    reaches(&first, RunnerState::Active).await;
    let second = start(&world, quick()).await;
    reaches(&second, RunnerState::StandingBy).await;
    // A commit that is in the log and not in the read model: a floor beyond the log's end would be
    // lowered again.
    pause(&world.store, "tickets_v2").await.unwrap();
    let mut trader = world.trader();
    let at = loop {
        let (_, at) = trader.list(Uuid::new_v4(), "Concert", 100).await;
        if !first
            .runner()
            .progress()
            .wait_for(TICKETS, at, quick().renew)
            .await
        {
            break at;
        }
    };
    assert_eq!(first.runner().ready(), Ok(()));
    second.runner().progress().require_globally(TICKETS, at);
    eventually("the floor is known", LONG, || async {
        first.runner().ready().is_err()
    })
    .await;
    resume(&world.store, "tickets_v2").await.unwrap();
    eventually("the floor is reached", LONG, || async {
        first.runner().ready()
    })
    .await;
}

#[tokio::test]
async fn what_was_there_before_the_start_is_shown_from_the_first_read_on() {
    let world = World::start().await;
    let mut trader = world.trader();
    let mut ids = Vec::new();
    for _ in 0..300 {
        ids.push(trader.list(Uuid::new_v4(), "Concert", 100).await.0);
    }
    let tickets = start(&world, quick()).await;
    for id in ids {
        assert!(tickets.get(id).await.unwrap().is_some());
    }
    assert_eq!(tickets.runner().ready(), Ok(()));
}

#[tokio::test]
async fn folding_everything_again_changes_nothing() {
    let world = World::start().await;
    let mut trader = world.trader();
    let tickets = start(&world, quick()).await;
    let mut at = 0;
    for _ in 0..20 {
        let (id, _) = trader.list(Uuid::new_v4(), "Concert", 100).await;
        trader.revise(id, "Opera", 200).await;
        at = trader.reserve(id, Uuid::new_v4()).await;
    }
    reaches_commit(&tickets, at).await;
    tickets.runner().stop().await;
    let before = documents(&world, "tickets_v2").await;
    assert_eq!(before.len(), 20);

    let checkpoints = world
        .raw()
        .await
        .collection::<Document>("projection_checkpoints");
    let back =
        doc! { "$set": { "streams.TICKETS.sequence": 0_i64, "streams.TICKETS.commit": null } };
    checkpoints.update_one(doc! {}, back).await.unwrap();
    for batch in [1, 7, 1_000] {
        let settings = RunnerSettings { batch, ..quick() };
        let tickets = start(&world, settings).await;
        reaches_commit(&tickets, at).await;
        tickets.runner().stop().await;
        assert_eq!(documents(&world, "tickets_v2").await, before);
        let back =
            doc! { "$set": { "streams.TICKETS.sequence": 0_i64, "streams.TICKETS.commit": null } };
        checkpoints.update_one(doc! {}, back).await.unwrap();
    }
}

/// A checkpoint of a release that knew one stream per read model.
#[tokio::test]
async fn a_checkpoint_without_streams_is_filled_again() {
    let world = World::start().await;
    let mut trader = world.trader();
    let ids = trader.list_reserved(5).await;
    let tickets = start(&world, quick()).await;
    reaches_commit(&tickets, 10).await;
    tickets.runner().stop().await;
    let before = documents(&world, "tickets_v2").await;
    let checkpoints = world
        .raw()
        .await
        .collection::<Document>("projection_checkpoints");
    let earlier = doc! {
        "$unset": { "streams": "" },
        "$set": { "stream_created": "2026-01-02T03:04:05Z", "sequence": 10_i64, "commit": null },
    };
    checkpoints.update_one(doc! {}, earlier).await.unwrap();
    assert_eq!(read_models(&world.store).await.unwrap().len(), 1);
    let tickets = start(&world, quick()).await;
    reaches_commit(&tickets, 10).await;
    assert!(tickets.get(ids[0]).await.unwrap().is_some());
    assert_eq!(documents(&world, "tickets_v2").await, before);
}

#[tokio::test]
async fn a_stopped_process_goes_on_where_it_was() {
    let world = World::start().await;
    let mut trader = world.trader();
    let (id, at) = trader.list(Uuid::new_v4(), "Concert", 100).await;
    let tickets = start(&world, quick()).await;
    reaches_commit(&tickets, at).await;
    tickets.runner().stop().await;
    let checkpoints = world
        .raw()
        .await
        .collection::<Document>("projection_checkpoints");
    let checkpoint = checkpoints.find_one(doc! {}).await.unwrap().unwrap();
    let streams = checkpoint.get_document("streams").unwrap();
    let folded = streams.get_document("TICKETS").unwrap();
    assert_eq!(folded.get_i64("sequence").unwrap(), 1);

    let at = trader.revise(id, "Opera", 100).await;
    let tickets = start(&world, quick()).await;
    reaches_commit(&tickets, at).await;
    assert_eq!(tickets.get(id).await.unwrap().unwrap().version, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_is_older_than_what_was_acknowledged_before_it() {
    let world = World::start().await;
    let first = start(&world, quick()).await;
    reaches(&first, RunnerState::Active).await;
    let second = start(&world, quick()).await;
    let mut tasks = tokio::task::JoinSet::new();
    let until = Instant::now() + Duration::from_secs(4);
    for n in 0..6 {
        let mut trader = world.trader();
        let (first, second) = (first.clone(), second.clone());
        tasks.spawn(async move {
            let (writing, other) = if n % 2 == 0 {
                (first, second)
            } else {
                (second, first)
            };
            let (id, mut at) = trader.list(Uuid::new_v4(), "0", 100).await;
            let mut version = 0;
            while Instant::now() < until {
                reaches_commit(&writing, at).await;
                // Acknowledged now: each process shows it, in each view, to several at once.
                for tickets in [&writing, &other] {
                    let reads = (0..4).map(|_| shown_version(tickets, id));
                    for shown in futures_util::future::join_all(reads).await {
                        assert!(shown >= version, "{shown} after {version}");
                    }
                    let listed = listed_version(tickets, id).await;
                    assert!(listed >= version, "{listed} in the list after {version}");
                }
                version += 1;
                at = trader.revise(id, &version.to_string(), 100).await;
            }
            version
        });
    }
    let mut rounds = 0;
    while let Some(done) = tasks.join_next().await {
        rounds += done.unwrap();
    }
    assert!(rounds > 30, "only {rounds} rounds");
}

async fn shown_version(tickets: &Tickets, id: Uuid) -> u64 {
    let shown = tickets.find(id).await.unwrap().unwrap();
    let shown: api::Ticket = serde_json::from_slice(&shown.bytes).unwrap();
    shown.version
}

async fn listed_version(tickets: &Tickets, id: Uuid) -> u64 {
    let page = tickets.list(&TicketQuery::default()).await.unwrap();
    let page: Vec<api::Ticket> = serde_json::from_slice(&page.bytes).unwrap();
    let found = page.into_iter().find(|ticket| ticket.id == id);
    found.unwrap().version
}
