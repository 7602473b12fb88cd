//! A log that loses its tail, under living processes and between two lives of one: read models heal
//! by themselves, and show what is there.

use event_streams::TICKETS;
use eventstore::Log;
use mongodb::bson::{Document, doc};
use projections::{MongoStore, RunnerSettings, RunnerState, verify};
use read_models::tickets::{TicketQuery, Tickets, TicketsProjection};
use std::collections::BTreeSet;
use std::time::Duration;
use testkit::{DiskCopy, LONG, eventually};
use uuid::Uuid;

use crate::support::{Trader, World, quick};

/// A process of its own: connections of its own, and a runner.
struct Process {
    tickets: Tickets,
    log: Log,
}

impl Process {
    async fn start(world: &World) -> Self {
        Self::start_with(world, quick()).await
    }

    async fn start_with(world: &World, settings: RunnerSettings) -> Self {
        let log = Log::open(event_streams::config_at(world.nats.url()))
            .await
            .unwrap();
        let store = MongoStore::connect(world.mongo.uri(), world.mongo.name());
        let store = store.await.unwrap();
        let tickets = Tickets::start(&log, &store, settings).await.unwrap();
        Self { tickets, log }
    }

    async fn applies(&self, at: u64) {
        let progress = self.tickets.runner().progress();
        assert!(
            progress.wait_for(TICKETS, at, LONG).await,
            "{:?}",
            self.state()
        );
    }

    fn state(&self) -> RunnerState {
        self.tickets.runner().state()
    }

    /// The ids in the list, if it can be read.
    async fn listed(&self) -> Result<BTreeSet<Uuid>, String> {
        let query = TicketQuery {
            limit: Some(200),
            ..TicketQuery::default()
        };
        let page = self.tickets.list(&query).await;
        let page = page.map_err(|error| error.to_string())?;
        let tickets: Vec<api::Ticket> = serde_json::from_slice(&page.bytes).unwrap();
        Ok(tickets.iter().map(|ticket| ticket.id).collect())
    }

    /// Waits until it is ready and lists exactly these.
    async fn lists(&self, expected: &BTreeSet<Uuid>) {
        eventually(
            "what is there is listed, and nothing else",
            LONG,
            || async {
                self.tickets.runner().ready()?;
                let listed = self.listed().await?;
                let (more, less) = (listed.difference(expected), expected.difference(&listed));
                if listed == *expected {
                    Ok(())
                } else {
                    Err(format!(
                        "{} too many, {} missing",
                        more.count(),
                        less.count()
                    ))
                }
            },
        )
        .await;
    }
}

/// Lists tickets; tells their ids and the last commit.
async fn list(trader: &mut Trader, count: usize) -> (BTreeSet<Uuid>, u64) {
    let (mut ids, mut last) = (BTreeSet::new(), 0);
    for _ in 0..count {
        let (id, at) = trader.list(Uuid::new_v4(), "Concert", 100).await;
        ids.insert(id);
        last = at;
    }
    (ids, last)
}

async fn answers(world: &World) {
    eventually("the log answers", LONG, || world.log.ping()).await;
}

async fn copy(world: &World) -> DiskCopy {
    let copy = world.nats.copy_disk().await;
    answers(world).await;
    copy
}

async fn lose(world: &World, at: &DiskCopy) {
    world.nats.lose_tail(at).await;
    answers(world).await;
}

/// Somebody who knows nothing of what was lost.
async fn newcomer(world: &World) -> Trader {
    World::with(world.nats.clone(), world.mongo.clone())
        .await
        .trader()
}

async fn is_true_to_the_log(world: &World) {
    let difference = verify(&TicketsProjection, &world.log, &world.store).await;
    assert_eq!(difference.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tail_that_is_lost_under_living_processes_is_healed_in_all_of_them() {
    // The log ends before what was shown, in the middle of it, and beyond.
    for others in [0, 10, 12] {
        let world = World::start().await;
        let (one, two) = tokio::join!(Process::start(&world), Process::start(&world));
        let mut trader = world.trader();
        let (mut there, _) = list(&mut trader, 10).await;
        let at_ten = copy(&world).await;
        let (gone, last) = list(&mut trader, 10).await;
        for process in [&one, &two] {
            process.applies(last).await;
            assert_eq!(process.listed().await.unwrap().len(), 20);
        }
        lose(&world, &at_ten).await;
        let (new, _) = list(&mut newcomer(&world).await, others).await;
        there.extend(new);
        for process in [&one, &two] {
            process.lists(&there).await;
            assert!(process.listed().await.unwrap().is_disjoint(&gone));
            let progress = process.tickets.runner().progress();
            assert_eq!((progress.lineage(), progress.lag_commits()), (1, 0));
        }
        is_true_to_the_log(&world).await;
        // And it goes on, in whatever process.
        let (more, last) = list(&mut newcomer(&world).await, 3).await;
        there.extend(more);
        for process in [&one, &two] {
            process.applies(last).await;
            process.lists(&there).await;
        }
        drop(trader);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tail_that_was_lost_between_two_lives_is_healed_at_the_start() {
    // Ended in an orderly way; and at once, together with the log's server, so that the checkpoint
    // stands on what is left and only documents show what is gone.
    for orderly in [true, false] {
        for others in [0, 10, 12] {
            let world = World::start().await;
            let mut trader = world.trader();
            let (mut there, last) = list(&mut trader, 10).await;
            let first = Process::start(&world).await;
            first.applies(last).await;
            first.tickets.runner().stop().await;
            let at_ten = copy(&world).await;
            let settings = RunnerSettings {
                checkpoint: LONG,
                ..quick()
            };
            let second = Process::start_with(&world, settings).await;
            let (_, last) = list(&mut trader, 10).await;
            second.applies(last).await;
            if orderly {
                second.tickets.runner().stop().await;
            }
            drop(second);
            lose(&world, &at_ten).await;
            let (new, _) = list(&mut newcomer(&world).await, others).await;
            there.extend(new);
            let third = Process::start(&world).await;
            third.lists(&there).await;
            is_true_to_the_log(&world).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_alone_heals_nothing() {
    let world = World::start().await;
    let mut trader = world.trader();
    let settings = RunnerSettings {
        checkpoint: LONG,
        ..quick()
    };
    let first = Process::start_with(&world, settings).await;
    let (id, _) = trader.list(Uuid::new_v4(), "Concert", 100).await;
    let (mut there, _) = list(&mut trader, 10).await;
    there.insert(id);
    first.applies(trader.revise(id, "Opera", 200).await).await;
    drop(first);
    world.nats.kill9().await;
    world.nats.restart().await;
    answers(&world).await;
    let second = Process::start(&world).await;
    second.lists(&there).await;
    assert_eq!(second.tickets.runner().progress().lineage(), 0);
    assert_eq!(second.log.tails().epoch(TICKETS), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_lost_before_it_was_folded_is_not_waited_for() {
    let world = World::start().await;
    let process = Process::start(&world).await;
    let mut trader = world.trader();
    let (there, last) = list(&mut trader, 3).await;
    process.applies(last).await;
    let at_three = copy(&world).await;
    projections::pause(&world.store, "tickets_v2")
        .await
        .unwrap();
    // Until that is known, it may be folded.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (_, last) = list(&mut trader, 5).await;
    process
        .tickets
        .runner()
        .progress()
        .require_globally(TICKETS, last);
    assert!(process.tickets.runner().ready().is_err());
    lose(&world, &at_three).await;
    projections::resume(&world.store, "tickets_v2")
        .await
        .unwrap();
    process.lists(&there).await;
    is_true_to_the_log(&world).await;
}

#[tokio::test]
async fn a_checkpoint_that_is_not_of_the_log_is_healed() {
    let other = Uuid::new_v4().to_string();
    for set in [
        doc! { "streams.TICKETS.sequence": 5_i64 },
        doc! { "streams.TICKETS.commit": &other },
    ] {
        let world = World::start().await;
        let (there, last) = list(&mut world.trader(), 3).await;
        let process = Process::start(&world).await;
        process.applies(last).await;
        process.tickets.runner().stop().await;
        let raw = world.raw().await;
        let checkpoints = raw.collection::<Document>("projection_checkpoints");
        let done = checkpoints.update_one(doc! {}, doc! { "$set": set }).await;
        assert_eq!(done.unwrap().matched_count, 1);
        let process = Process::start(&world).await;
        process.lists(&there).await;
        assert_eq!(process.tickets.runner().progress().lineage(), 1);
        is_true_to_the_log(&world).await;
    }
}
