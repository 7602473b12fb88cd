//! A read model of two streams: each is folded in its own order, and neither is taken for the other.

use futures_util::TryStreamExt;
use mongodb::bson::{Document, RawDocumentBuf};
use projections::{
    MemoryStore, MongoStore, Position, Projection, ReadStore, Runner, RunnerState, mongodb,
    read_models, rebuild, verify,
};
use testkit::{LONG, Mongo, Nats, eventually};

use crate::support::{
    COUNTERS, CounterEvent, Counters, LEFT, RIGHT, Writer, created, open, quick, set, stored,
};

async fn start<S: ReadStore + Clone>(url: &str, store: &S) -> Runner {
    let log = open(url).await;
    Runner::start(COUNTERS, &log, store, quick()).await.unwrap()
}

async fn documents(store: &dyn ReadStore) -> Vec<Document> {
    let found = store.documents(&COUNTERS.key()).await.unwrap();
    let found: Vec<RawDocumentBuf> = found.try_collect().await.unwrap();
    let mut found: Vec<_> = found
        .iter()
        .map(|raw| Document::try_from(raw).unwrap())
        .collect();
    found.sort_by_key(|document| document.get_str("_id").unwrap().to_owned());
    found
}

/// What a read finds, once all that was acknowledged is applied.
async fn is_readable(runner: &Runner) -> bool {
    let read = runner.progress().read(|_| async { Ok(()) });
    read.await.is_ok()
}

async fn equals_a_replay(writer: &Writer, store: &dyn ReadStore) {
    let difference = verify(&COUNTERS, &writer.log, store).await.unwrap();
    assert_eq!(difference, None);
}

async fn serves_both_streams<S: ReadStore + Clone>(store: &S) {
    let nats = Nats::start().await;
    let mut writer = Writer::connect(nats.url()).await;
    let leader = start(nats.url(), store).await;
    eventually("it leads", LONG, || async {
        leader.state() == RunnerState::Active
    })
    .await;
    let follower = start(nats.url(), store).await;

    // Sequences collide on purpose: both streams begin at 1.
    for (stream, id) in [(LEFT, "a"), (RIGHT, "b"), (LEFT, "c"), (RIGHT, "d")] {
        writer.append(stream, id, created(id)).await;
    }
    let right = writer.append(RIGHT, "b", set(7)).await;
    for runner in [&leader, &follower] {
        assert!(runner.progress().wait_for(RIGHT, right, LONG).await);
        assert!(runner.progress().wait_for(LEFT, 2, LONG).await);
        assert!(is_readable(runner).await);
        let applied = runner.progress().applied();
        assert_eq!((applied.of(LEFT), applied.of(RIGHT)), (2, 3));
    }
    let both = [
        stored("a", 0, (LEFT, 1)),
        stored("b", 7, (RIGHT, 3)),
        stored("c", 0, (LEFT, 2)),
        stored("d", 0, (RIGHT, 2)),
    ];
    assert_eq!(documents(store).await, both);
    equals_a_replay(&writer, store).await;

    // The one that takes over continues in both streams from the checkpoint.
    leader.stop().await;
    let left = writer.append(LEFT, "a", set(3)).await;
    assert!(follower.progress().wait_for(LEFT, left, LONG).await);
    let models = read_models(store).await.unwrap();
    assert!(models[0].position.reaches(&Position::at(RIGHT, right)));

    // A rebuild gives the same, and throws tombstones of both away.
    writer.append(LEFT, "c", CounterEvent::Removed).await;
    let last = writer.append(RIGHT, "d", CounterEvent::Removed).await;
    assert!(follower.progress().wait_for(RIGHT, last, LONG).await);
    assert!(follower.progress().wait_for(LEFT, 4, LONG).await);
    assert_eq!(documents(store).await.len(), 4, "two are tombstones");
    rebuild(store, &COUNTERS.key(), |_| {}).await.unwrap();
    let left = [stored("a", 3, (LEFT, 3)), stored("b", 7, (RIGHT, 3))];
    assert_eq!(documents(store).await, left);
    equals_a_replay(&writer, store).await;
}

#[tokio::test]
async fn two_streams_are_served_from_memory() {
    serves_both_streams(&MemoryStore::new("memory")).await;
}

#[tokio::test]
async fn two_streams_are_served_from_mongodb() {
    let mongo = Mongo::database().await;
    let store = MongoStore::connect(mongo.uri(), mongo.name()).await;
    serves_both_streams(&store.unwrap()).await;
}

#[tokio::test]
async fn a_commit_of_one_stream_is_not_waited_for_in_the_other() {
    let nats = Nats::start().await;
    let store = MemoryStore::new("memory");
    let mut writer = Writer::connect(nats.url()).await;
    let runner = start(nats.url(), &store).await;
    for value in 0..5 {
        writer.append(LEFT, "a", set(value)).await;
    }
    assert!(runner.progress().wait_for(LEFT, 5, LONG).await);
    assert!(!runner.progress().wait_for(RIGHT, 1, quick().pause).await);
    runner.progress().require_globally(RIGHT, 1);
    assert!(
        !is_readable(&runner).await,
        "the other stream's five don't count"
    );
    writer.append(RIGHT, "b", created("b")).await;
    assert!(runner.progress().wait_for(RIGHT, 1, LONG).await);
    assert!(is_readable(&runner).await);
}

async fn halts(runner: &Runner, with: &str) {
    eventually("it halts", LONG, || async {
        match runner.state() {
            RunnerState::Halted { why } if why.contains(with) => Ok(()),
            other => Err(other.to_string()),
        }
    })
    .await;
}

async fn halts_when_two_streams_change_a_document<S: ReadStore + Clone>(store: &S) {
    let nats = Nats::start().await;
    let mut writer = Writer::connect(nats.url()).await;
    let runner = start(nats.url(), store).await;
    let at = writer.append(LEFT, "a", created("a")).await;
    assert!(runner.progress().wait_for(LEFT, at, LONG).await);
    writer.append(RIGHT, "a", created("a")).await;
    halts(&runner, "document \"a\" is of stream LEFT").await;
    assert_eq!(documents(store).await, [stored("a", 0, (LEFT, 1))]);
}

#[tokio::test]
async fn a_document_that_two_streams_change_halts_the_projection_in_memory() {
    halts_when_two_streams_change_a_document(&MemoryStore::new("memory")).await;
}

#[tokio::test]
async fn a_document_that_two_streams_change_halts_the_projection_in_mongodb() {
    let mongo = Mongo::database().await;
    let store = MongoStore::connect(mongo.uri(), mongo.name()).await;
    halts_when_two_streams_change_a_document(&store.unwrap()).await;
}

#[tokio::test]
async fn a_projection_of_other_streams_under_the_same_version_halts() {
    let nats = Nats::start().await;
    let store = MemoryStore::new("memory");
    let mut writer = Writer::connect(nats.url()).await;
    let runner = start(nats.url(), &store).await;
    let at = writer.append(LEFT, "a", created("a")).await;
    assert!(runner.progress().wait_for(LEFT, at, LONG).await);
    runner.stop().await;
    let fewer = Counters {
        streams: &[LEFT],
        ..COUNTERS
    };
    let log = open(nats.url()).await;
    let runner = Runner::start(fewer, &log, &store, quick()).await.unwrap();
    halts(
        &runner,
        "the streams LEFT, RIGHT were folded, and now it is LEFT",
    )
    .await;
}

/// Each stream has its own files, and a power cut may take from one alone.
#[tokio::test]
async fn a_tail_that_one_stream_lost_is_healed_and_the_other_stays() {
    let nats = Nats::start().await;
    let store = MemoryStore::new("memory");
    let mut writer = Writer::connect(nats.url()).await;
    let runner = start(nats.url(), &store).await;
    writer.append(LEFT, "a", created("a")).await;
    writer.append(RIGHT, "b", created("b")).await;
    let copy = nats.copy_disk().await;
    eventually("the log answers", LONG, || writer.log.ping()).await;
    writer.append(LEFT, "a", set(5)).await;
    let right = writer.append(RIGHT, "lost", created("lost")).await;
    assert!(runner.progress().wait_for(RIGHT, right, LONG).await);
    assert!(runner.progress().wait_for(LEFT, 2, LONG).await);

    nats.lose_tail_of("RIGHT", &copy).await;
    eventually("the log answers", LONG, || writer.log.ping()).await;
    writer.forget(RIGHT, "lost");
    let expected = [stored("a", 5, (LEFT, 2)), stored("b", 0, (RIGHT, 1))];
    eventually("what is lost is gone", LONG, || async {
        runner.ready()?;
        let found = documents(&store).await;
        if found == expected {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await;
    assert_eq!(runner.progress().lineage(), 1);
    let at = writer.append(RIGHT, "next", created("next")).await;
    assert_eq!(at, right, "the sequence is used again");
    assert!(runner.progress().wait_for(RIGHT, at, LONG).await);
    equals_a_replay(&writer, &store).await;
}
