//! When folding on would be wrong: it stops and says so.

use cqrs_es::DomainEvent;
use event_streams::TICKETS;
use eventstore::{Commit, Log, StreamName};
use mongodb::bson::{Document, doc};
use projections::{
    Change, FoldError, Index, Projection, RebuildError, Runner, RunnerState, read_models, rebuild,
    verify,
};
use read_models::tickets::{TicketQuery, Tickets, TicketsProjection};
use serde::{Deserialize, Serialize};
use testkit::{LONG, Mongo, Nats, eventually};
use uuid::Uuid;

use crate::support::{World, quick, reaches_commit};

/// Why it halted.
async fn halted(tickets: &Tickets) -> String {
    let mut watched = tickets.runner().watch_state();
    let halts = watched.wait_for(|now| matches!(now, RunnerState::Halted { .. }));
    let waited = tokio::time::timeout(LONG, halts).await;
    let state = tickets.runner().state();
    assert!(waited.is_ok(), "{state:?}");
    assert!(tickets.runner().ready().is_err());
    match state {
        RunnerState::Halted { why } => why,
        other => panic!("{other:?}"),
    }
}

/// A read model of three tickets, stopped.
async fn folded() -> World {
    let world = World::start().await;
    let mut trader = world.trader();
    let mut at = 0;
    for _ in 0..3 {
        at = trader.list(Uuid::new_v4(), "Concert", 100).await.1;
    }
    let tickets = world.tickets().await;
    reaches_commit(&tickets, at).await;
    tickets.runner().stop().await;
    world
}

async fn a_rebuild_repairs(world: &World, tickets: &Tickets) {
    rebuild(&world.store, "tickets_v2", |_| {}).await.unwrap();
    let mut watched = tickets.runner().watch_state();
    let active = watched.wait_for(|now| *now == RunnerState::Active);
    tokio::time::timeout(LONG, active).await.unwrap().unwrap();
    assert_eq!(tickets.runner().ready(), Ok(()));
    let difference = verify(&TicketsProjection, &world.log, &world.store).await;
    assert_eq!(difference.unwrap(), None);
    let at = world.trader().list(Uuid::new_v4(), "Opera", 100).await.1;
    reaches_commit(tickets, at).await;
    tickets.list(&TicketQuery::default()).await.unwrap();
}

#[tokio::test]
async fn a_log_that_is_another_one_halts_until_a_rebuild() {
    let before = folded().await;
    let nats = Nats::start().await;
    let mut world = World::with(nats, before.mongo.clone()).await;
    world.store = before.store.clone();
    let mut trader = world.trader();
    for _ in 0..5 {
        trader.list(Uuid::new_v4(), "Concert", 100).await;
    }
    let tickets = world.tickets().await;
    let why = halted(&tickets).await;
    assert!(why.contains("was created at"), "{why}");
    a_rebuild_repairs(&world, &tickets).await;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum Strange {
    Nonsense { x: u8 },
}

impl DomainEvent for Strange {
    fn event_type(&self) -> String {
        "Nonsense".to_owned()
    }
    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_folded_halts_and_is_named() {
    let world = World::start().await;
    let mut trader = world.trader();
    let tickets = world.tickets().await;
    let (id, _) = trader.list(Uuid::new_v4(), "Concert", 100).await;
    let at = trader.revise(id, "Opera", 100).await;
    reaches_commit(&tickets, at).await;
    let poison = Uuid::new_v4();
    trader
        .append(TICKETS, "ticket", poison, &[Strange::Nonsense { x: 1 }])
        .await;
    trader.revise(id, "Ballet", 100).await;
    let why = halted(&tickets).await;
    assert!(why.contains("TICKETS#3"), "{why}");
    assert_eq!(tickets.runner().progress().applied().of(TICKETS), at);
    // What was good goes on being shown.
    assert_eq!(tickets.get(id).await.unwrap().unwrap().title, "Opera");
    // Whoever looks from outside of the process is told, and not that nobody runs it.
    let recorded = eventually("it is recorded", LONG, || recorded(&world)).await;
    assert_eq!(recorded, why);
    // And a rebuild says what is wrong.
    let rebuilt = rebuild(&world.store, "tickets_v2", |_| {}).await;
    let Err(RebuildError::Failed(why)) = rebuilt else {
        panic!("{rebuilt:?}");
    };
    assert!(why.contains("TICKETS#3"), "{why}");
    assert_eq!(tickets.get(id).await.unwrap().unwrap().title, "Opera");
}

/// Why the only read model is recorded to have halted.
async fn recorded(world: &World) -> Option<String> {
    let models = read_models(&world.store).await.unwrap();
    models.into_iter().find_map(|model| model.halted)
}

/// Folds every commit into nothing, in a release that may know one kind of commit more.
struct Marks {
    knows_nonsense: bool,
}

impl Projection for Marks {
    fn name(&self) -> &'static str {
        "marks"
    }
    fn version(&self) -> u32 {
        1
    }
    fn streams(&self) -> Vec<StreamName> {
        vec![TICKETS]
    }
    fn indexes(&self) -> Vec<Index> {
        Vec::new()
    }
    fn fold(&self, commit: &Commit) -> Result<Vec<Change>, FoldError> {
        match commit.decode::<Strange>() {
            Ok(_) if !self.knows_nonsense => Err(FoldError::of(commit, "nonsense".into())),
            _ => Ok(Vec::new()),
        }
    }
}

#[tokio::test]
async fn a_release_that_can_fold_on_ends_a_halt() {
    let world = World::start().await;
    let mut trader = world.trader();
    trader.list(Uuid::new_v4(), "Concert", 100).await;
    let start = async |knows_nonsense| {
        let marks = Marks { knows_nonsense };
        let runner = Runner::start(marks, &world.log, &world.store, quick()).await;
        runner.unwrap()
    };
    let nonsense = [Strange::Nonsense { x: 1 }];
    let at = trader
        .append(TICKETS, "ticket", Uuid::new_v4(), &nonsense)
        .await;
    let old = start(false).await;
    let why = eventually("the old one halts", LONG, || recorded(&world)).await;
    assert!(why.contains("TICKETS#2: nonsense"), "{why}");
    old.stop().await;
    let new = start(true).await;
    assert!(new.progress().wait_for(TICKETS, at, LONG).await);
    eventually("the halt is over", LONG, || async {
        recorded(&world).await.is_none()
    })
    .await;
    new.stop().await;
}

#[tokio::test]
async fn a_halt_is_over_when_the_log_lost_what_could_not_be_folded() {
    let world = World::start().await;
    let mut trader = world.trader();
    let at = trader.list(Uuid::new_v4(), "Concert", 100).await.1;
    let tickets = world.tickets().await;
    reaches_commit(&tickets, at).await;
    let before = world.nats.copy_disk().await;
    let mut connection = world.log.connection();
    connection.wait_for(|connected| *connected).await.unwrap();
    let nonsense = [Strange::Nonsense { x: 1 }];
    trader
        .append(TICKETS, "ticket", Uuid::new_v4(), &nonsense)
        .await;
    eventually("it is recorded", LONG, || recorded(&world)).await;
    tickets.runner().stop().await;
    world.nats.lose_tail(&before).await;
    let log = Log::open(event_streams::config_at(world.nats.url()))
        .await
        .unwrap();
    let again = Tickets::start(&log, &world.store, quick()).await.unwrap();
    reaches_commit(&again, at).await;
    eventually("the halt is over", LONG, || async {
        recorded(&world).await.is_none()
    })
    .await;
}

#[tokio::test]
async fn a_change_by_hand_is_found_by_the_comparison() {
    let world = folded().await;
    let raw = world.raw().await.collection::<Document>("tickets_v2");
    let compare = || async {
        let difference = verify(&TicketsProjection, &world.log, &world.store).await;
        difference.unwrap()
    };
    assert_eq!(compare().await, None);
    let one = raw.find_one(doc! {}).await.unwrap().unwrap();

    let other = doc! { "$set": { "price": 1_i64 } };
    raw.update_one(doc! {}, other).await.unwrap();
    let found = compare().await.unwrap();
    assert_eq!(found.replayed.as_ref(), Some(&one));
    assert_eq!(found.stored.unwrap().get_i64("price").unwrap(), 1);

    raw.delete_one(doc! { "price": 1_i64 }).await.unwrap();
    let found = compare().await.unwrap();
    assert_eq!((found.replayed, found.stored), (Some(one.clone()), None));

    raw.insert_one(one).await.unwrap();
    assert_eq!(compare().await, None);
    raw.insert_one(doc! { "_id": "x" }).await.unwrap();
    assert!(compare().await.unwrap().replayed.is_none());
}

#[tokio::test]
async fn mongodb_shared_by_two_databases_keeps_their_read_models_apart() {
    let world = World::start().await;
    let mongo: Mongo = world.mongo.another_database();
    let other = World::with(world.nats.clone(), mongo).await;
    let (here, there) = (world.tickets().await, other.tickets().await);
    let at = world.trader().list(Uuid::new_v4(), "Concert", 100).await.1;
    for tickets in [&here, &there] {
        reaches_commit(tickets, at).await;
        assert_eq!(tickets.runner().state(), RunnerState::Active);
    }
}
