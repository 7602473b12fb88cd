//! Versions of a projection side by side, and those who may only listen.

use domain::ticket::TicketEvent;
use event_streams::TICKETS;
use eventstore::{Commit, StreamName};
use mongodb::bson::{Document, doc};
use projections::{
    Change, FoldError, Index, Projection, RemoteProgress, RetireError, Runner, read_models, retire,
};
use std::time::Instant;
use testkit::{LONG, eventually};
use uuid::Uuid;

use crate::support::{World, quick};

/// Titles of tickets; the second version writes them in capitals.
#[derive(Clone, Copy)]
struct Titles(u32);

impl Projection for Titles {
    fn name(&self) -> &'static str {
        "titles"
    }

    fn version(&self) -> u32 {
        self.0
    }

    fn streams(&self) -> Vec<StreamName> {
        vec![TICKETS]
    }

    fn indexes(&self) -> Vec<Index> {
        Vec::new()
    }

    fn fold(&self, commit: &Commit) -> Result<Vec<Change>, FoldError> {
        let events = commit.decode::<TicketEvent>().unwrap();
        let id: Uuid = commit.aggregate_id.parse().unwrap();
        let listed = events.into_iter().filter_map(|(_, event)| match event {
            TicketEvent::TicketListed { title, .. } if self.0 == 1 => Some(title.to_string()),
            TicketEvent::TicketListed { title, .. } => Some(title.to_string().to_uppercase()),
            _ => None,
        });
        let put = |title| Change::Put {
            id: id.into(),
            doc: doc! { "title": title },
        };
        Ok(listed.map(put).collect())
    }
}

async fn shown(world: &World, collection: &str) -> Vec<String> {
    let collection = world.raw().await.collection::<Document>(collection);
    let titles = collection.distinct("title", doc! {}).await.unwrap();
    titles
        .into_iter()
        .map(|title| title.as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_new_version_fills_its_own_collection_while_the_old_one_serves() {
    let world = World::start().await;
    let mut trader = world.trader();
    let old = Runner::start(Titles(1), &world.log, &world.store, quick())
        .await
        .unwrap();
    let at = trader.list(Uuid::new_v4(), "a", 100).await.1;
    assert!(old.progress().wait_for(TICKETS, at, LONG).await);
    let new = Runner::start(Titles(2), &world.log, &world.store, quick())
        .await
        .unwrap();
    let at = trader.list(Uuid::new_v4(), "b", 100).await.1;
    for runner in [&old, &new] {
        assert!(runner.progress().wait_for(TICKETS, at, LONG).await);
    }
    assert_eq!(shown(&world, "titles_v1").await, ["a", "b"]);
    assert_eq!(shown(&world, "titles_v2").await, ["A", "B"]);

    let refused = retire(&world.store, "titles_v1").await;
    assert!(matches!(refused, Err(RetireError::InUse(_))), "{refused:?}");
    old.stop().await;
    let models = read_models(&world.store).await.unwrap();
    let known: Vec<_> = models
        .iter()
        .map(|model| (model.key.as_str(), model.position.of(TICKETS), model.kept))
        .collect();
    assert_eq!(known[0], ("titles_v1", 2, false));
    assert_eq!((known[1].0, known[1].2), ("titles_v2", true));
    retire(&world.store, "titles_v1").await.unwrap();
    let left = read_models(&world.store).await.unwrap();
    assert_eq!(left.len(), 1);
    assert!(shown(&world, "titles_v1").await.is_empty());
    assert_eq!(shown(&world, "titles_v2").await, ["A", "B"]);
}

#[tokio::test]
async fn a_service_without_access_learns_the_position_of_a_read_model() {
    hears(&Titles(1), Titles(1)).await;
}

/// During a rollout one of the two services is of the next release already.
#[tokio::test]
async fn a_service_of_another_release_learns_the_position() {
    hears(&Titles(1), Titles(2)).await;
    hears(&Titles(2), Titles(1)).await;
}

/// One who knows one version hears of what is folded in another, and makes its readers wait.
async fn hears(known: &Titles, folded: Titles) {
    let world = World::start().await;
    let mut trader = world.trader();
    let remote = RemoteProgress::listen(known, &world.log, world.mongo.name());
    let runner = Runner::start(folded, &world.log, &world.store, quick())
        .await
        .unwrap();
    // It may take a moment until it listens.
    let began = Instant::now();
    loop {
        let at = trader.list(Uuid::new_v4(), "a", 100).await.1;
        if remote.wait_for(TICKETS, at, quick().pause_max).await {
            break;
        }
        assert!(began.elapsed() < LONG, "it hears nothing");
    }
    let ahead = runner.progress().applied().of(TICKETS) + 1;
    assert!(!remote.wait_for(TICKETS, ahead, quick().pause).await);
    runner.progress().ready().unwrap();
    remote.require_globally(TICKETS, ahead).await;
    eventually("reads wait for what was acknowledged", LONG, || async {
        runner.progress().ready().err().ok_or("ready")
    })
    .await;
}
