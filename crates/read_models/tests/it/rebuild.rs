//! Filling a read model anew while it is used.

use event_streams::TICKETS;
use mongodb::bson::{Document, doc};
use projections::{RunnerSettings, pause, read_models, rebuild, resume, verify, verify_with};
use read_models::tickets::{TicketQuery, Tickets, TicketsProjection};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use testkit::{LONG, eventually};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{World, documents, identity, quick, reaches_commit};

/// Reads and writes for as long as it isn't told to end, and panics when a read fails or shows
/// less than what was acknowledged.
fn traffic(world: &World, tickets: &Tickets, end: &Arc<AtomicBool>) -> JoinSet<u64> {
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        let (mut trader, tickets, end) = (world.trader(), tickets.clone(), end.clone());
        tasks.spawn(async move {
            let (id, mut at) = trader.list(Uuid::new_v4(), "0", 100).await;
            let (mut version, mut reads) = (0, 0);
            while !end.load(Ordering::SeqCst) {
                reaches_commit(&tickets, at).await;
                let shown = tickets.get(id).await.expect("a read fails");
                let shown = shown.expect("a ticket is gone").version;
                assert!(shown >= version, "{shown} after {version}");
                tickets.find(id).await.expect("a read fails").unwrap();
                let page = tickets.list(&TicketQuery::default()).await;
                page.expect("a read fails");
                reads += 3;
                version += 1;
                at = trader.revise(id, &version.to_string(), 100).await;
            }
            reads
        });
    }
    tasks
}

async fn finish(mut tasks: JoinSet<u64>, end: &AtomicBool) -> u64 {
    end.store(true, Ordering::SeqCst);
    let mut reads = 0;
    while let Some(done) = tasks.join_next().await {
        reads += done.unwrap();
    }
    reads
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_under_traffic_gives_the_same_bytes_and_no_read_fails() {
    let world = World::start().await;
    let mut trader = world.trader();
    trader.list_reserved(500).await;
    let tickets = world.tickets().await;
    let progress = tickets.runner().progress();
    assert!(progress.wait_for(TICKETS, 1_000, LONG).await);
    let before = identity(&world, "tickets_v2").await;
    let end = Arc::new(AtomicBool::new(false));
    let tasks = traffic(&world, &tickets, &end);

    for _ in 0..3 {
        let (mut last, mut told) = (0, 0);
        rebuild(&world.store, "tickets_v2", |progress| {
            assert!(progress.done >= last && progress.done <= progress.total);
            last = progress.done;
            told += 1;
        })
        .await
        .unwrap();
        assert!(told > 0 && last >= 1_000);
        let difference = verify(&TicketsProjection, &world.log, &world.store).await;
        assert_eq!(difference.unwrap(), None);
    }
    let reads = finish(tasks, &end).await;
    assert!(reads > 100, "only {reads} reads");
    assert_ne!(
        identity(&world, "tickets_v2").await,
        before,
        "it is another collection"
    );

    // Once more by way of another process that knows nothing of the first, which has folded all
    // that the traffic left.
    let log_end = world.log.reader().last_sequence(TICKETS).await.unwrap();
    assert!(progress.wait_for(TICKETS, log_end, LONG).await);
    tickets.runner().stop().await;
    let live = documents(&world, "tickets_v2").await;
    let again = world.tickets().await;
    rebuild(&world.store, "tickets_v2", |_| {}).await.unwrap();
    again.runner().stop().await;
    assert_eq!(documents(&world, "tickets_v2").await, live);
    let left = world.raw().await.list_collection_names().await.unwrap();
    assert!(!left.contains(&"tickets_v2_rebuild".to_owned()), "{left:?}");
}

#[tokio::test]
async fn a_comparison_in_parts_sees_every_document() {
    let world = World::start().await;
    let mut trader = world.trader();
    let ids = trader.list_reserved(120).await;
    let tickets = world.tickets().await;
    reaches_commit(&tickets, 240).await;
    tickets.runner().stop().await;
    // With room for ten documents in memory, it takes many parts.
    let in_parts = async || {
        let mut replays = 0;
        let count = |done, total| replays += u32::from(done == total);
        let compared = verify_with(&TicketsProjection, &world.log, &world.store, 10, count);
        let difference = compared.await.unwrap();
        (difference, replays)
    };
    let (difference, replays) = in_parts().await;
    assert_eq!(difference, None);
    assert!(replays > 8, "{replays} parts were compared");
    let stored = world.raw().await.collection::<Document>("tickets_v2");
    for id in [ids[0], ids[60], ids[119]] {
        let this = doc! { "_id": mongodb::bson::Uuid::from_bytes(id.into_bytes()) };
        let forged = doc! { "$set": { "price": 1_i64 } };
        let before = stored.find_one(this.clone()).await.unwrap().unwrap();
        stored.update_one(this.clone(), forged).await.unwrap();
        let (difference, _) = in_parts().await;
        assert_eq!(difference.unwrap().id, id.to_string());
        stored.replace_one(this, before).await.unwrap();
    }
    assert_eq!(in_parts().await.0, None);
}

#[tokio::test]
async fn a_rebuild_repairs_what_was_changed_by_hand() {
    let world = World::start().await;
    let mut trader = world.trader();
    let tickets = world.tickets().await;
    let (id, at) = trader.list(Uuid::new_v4(), "Concert", 100).await;
    reaches_commit(&tickets, at).await;
    let raw = world.raw().await.collection::<Document>("tickets_v2");
    let wrong = doc! { "$set": { "title": "Wrong" } };
    raw.update_one(doc! {}, wrong).await.unwrap();
    // Kept in memory now, to be forgotten by the rebuild.
    tickets.find(id).await.unwrap();
    rebuild(&world.store, "tickets_v2", |_| {}).await.unwrap();
    let shown = tickets.find(id).await.unwrap().unwrap();
    let shown: api::Ticket = serde_json::from_slice(&shown.bytes).unwrap();
    assert_eq!(shown.title, "Concert");
}

#[tokio::test]
async fn a_rebuild_of_an_empty_log_ends() {
    let world = World::start().await;
    let tickets = world.tickets().await;
    rebuild(&world.store, "tickets_v2", |_| {}).await.unwrap();
    let at = world.trader().list(Uuid::new_v4(), "Concert", 100).await.1;
    reaches_commit(&tickets, at).await;
}

#[tokio::test]
async fn a_rebuild_goes_on_when_the_process_that_began_it_dies() {
    let world = World::start().await;
    let mut trader = world.trader();
    for n in 0..300 {
        trader.list(Uuid::new_v4(), &n.to_string(), 100).await;
    }
    let first = world.tickets().await;
    reaches_commit(&first, 300).await;
    let store = world.another_store().await;
    let second = Tickets::start(&world.log, &store, quick()).await.unwrap();
    let before = identity(&world, "tickets_v2").await;
    let asked = tokio::spawn({
        let store = world.store.clone();
        async move { rebuild(&store, "tickets_v2", |_| {}).await }
    });
    drop(first);
    asked.await.unwrap().unwrap();
    assert_ne!(identity(&world, "tickets_v2").await, before);
    let at = trader.list(Uuid::new_v4(), "Concert", 100).await.1;
    reaches_commit(&second, at).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_goes_on_where_the_process_was_that_died() {
    let world = World::start().await;
    let mut trader = world.trader();
    for n in 0..3_000 {
        trader.list(Uuid::new_v4(), &n.to_string(), 100).await;
    }
    // Small batches: it takes a while, and says often how far it is.
    let slow = || RunnerSettings {
        batch: 2,
        ..quick()
    };
    let first = Tickets::start(&world.log, &world.store, slow())
        .await
        .unwrap();
    reaches_commit(&first, 3_000).await;
    let before = identity(&world, "tickets_v2").await;
    let ask = || {
        let store = world.store.clone();
        tokio::spawn(async move {
            let mut told = Vec::new();
            let ended = rebuild(&store, "tickets_v2", |progress| told.push(progress.done)).await;
            (ended, told)
        })
    };
    let asked = ask();
    let half_built = eventually("it is on its way", LONG, || async {
        let models = read_models(&world.store).await.unwrap();
        let rebuilding = models.into_iter().find_map(|model| model.rebuilding);
        match rebuilding {
            Some(progress) if progress.done > 0 && progress.done < 3_000 => {
                Some(identity(&world, "tickets_v2_rebuild").await)
            }
            _ => None,
        }
    })
    .await;
    drop(first);
    // Whoever asked is gone, too.
    asked.abort();
    let second = Tickets::start(&world.log, &world.store, slow())
        .await
        .unwrap();
    let (ended, told) = ask().await.unwrap();
    ended.unwrap();
    assert!(told.iter().all(|done| *done > 0), "it began anew: {told:?}");
    let now = identity(&world, "tickets_v2").await;
    assert_ne!(now, before);
    assert_eq!(now, half_built, "what was built is used");
    second.runner().stop().await;
    let difference = verify(&TicketsProjection, &world.log, &world.store).await;
    assert_eq!(difference.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_model_that_rests_folds_nothing_until_it_goes_on() {
    let world = World::start().await;
    let mut trader = world.trader();
    let tickets = world.tickets().await;
    let at = trader.list(Uuid::new_v4(), "Before", 100).await.1;
    let progress = tickets.runner().progress();
    assert!(progress.wait_for(TICKETS, at, LONG).await);
    pause(&world.store, "tickets_v2").await.unwrap();
    // It takes effect when the lease is renewed.
    let at = eventually("it rests", LONG, || async {
        let at = world
            .trader()
            .list(Uuid::new_v4(), "Meanwhile", 100)
            .await
            .1;
        let applied = progress
            .wait_for(TICKETS, at, Duration::from_millis(500))
            .await;
        (!applied).then_some(at)
    })
    .await;
    let models = read_models(&world.store).await.unwrap();
    assert!(models.iter().all(|model| model.paused), "{models:?}");
    resume(&world.store, "tickets_v2").await.unwrap();
    assert!(progress.wait_for(TICKETS, at, LONG).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_that_is_dropped_by_hand_is_filled_again() {
    let world = World::start().await;
    let mut trader = world.trader();
    let tickets = world.tickets().await;
    let (id, mut at) = trader.list(Uuid::new_v4(), "Concert", 100).await;
    let raw = world.raw().await;
    for round in 0..4 {
        reaches_commit(&tickets, at).await;
        if round == 3 {
            raw.drop().await.unwrap();
        } else {
            raw.collection::<Document>("tickets_v2")
                .drop()
                .await
                .unwrap();
        }
        if round % 2 == 0 {
            // A write meets it; otherwise it is noticed without one.
            at = trader.revise(id, &round.to_string(), 100).await;
        }
        eventually("it is filled again", LONG, || async {
            let difference = verify(&TicketsProjection, &world.log, &world.store).await;
            difference.is_ok_and(|difference| difference.is_none())
        })
        .await;
        let filled = raw.collection::<Document>("tickets_v2");
        assert_eq!(filled.list_index_names().await.unwrap().len(), 4);
        reaches_commit(&tickets, at).await;
        assert!(tickets.get(id).await.unwrap().is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_waits_rather_than_show_a_read_model_that_is_being_filled_again() {
    let world = World::start().await;
    let mut trader = world.trader();
    let tickets = world.tickets().await;
    let mut ids = Vec::new();
    for n in 0..200 {
        ids.push(trader.list(Uuid::new_v4(), &n.to_string(), 100).await.0);
    }
    reaches_commit(&tickets, 200).await;
    let mut changes = tickets.runner().progress().changes();
    let raw = world.raw().await;
    raw.collection::<Document>("tickets_v2")
        .drop()
        .await
        .unwrap();
    let noticed = async {
        loop {
            // It is told when the runner begins again.
            if changes.recv().await.unwrap().to.of(TICKETS) < 200 {
                return;
            }
        }
    };
    tokio::time::timeout(LONG, noticed).await.unwrap();
    for id in ids.iter().rev() {
        assert!(tickets.get(*id).await.unwrap().is_some());
    }
}
