//! Checkpoints, leases and reports.

use chrono::DateTime;
use eventstore::StreamName;
use std::time::Duration;
use uuid::Uuid;

use crate::{
    bson_values::binary,
    store::{Checkpoint, CheckpointChange, CollectionId, LeaseState, ReadStore, Report},
};

const STREAMS: [StreamName; 2] = [StreamName::new("A"), StreamName::new("B")];

fn collection(n: u128) -> CollectionId {
    binary(Uuid::from_u128(n))
}

fn start(key: &str) -> Checkpoint {
    let created = DateTime::from_timestamp_nanos(1);
    Checkpoint::start(
        key.into(),
        collection(1),
        STREAMS.map(|name| (name, created)),
    )
}

/// A checkpoint is moved on, of the collection that it is about.
pub async fn a_checkpoint_never_goes_back_and_is_never_that_of_another_collection(
    store: &dyn ReadStore,
) {
    store.put_checkpoint(&start("k")).await.unwrap();
    let stuck = CheckpointChange::Stuck(Some("why".to_owned()));
    store.amend_checkpoint("k", stuck).await.unwrap();
    let [a, b] = STREAMS;
    for (of, stream, sequence, expected) in [
        (2, a, 9, (0, 0)),
        (1, a, 5, (5, 0)),
        (1, b, 3, (5, 3)),
        (1, a, 3, (5, 3)),
        (2, b, 9, (5, 3)),
        (1, StreamName::new("C"), 9, (5, 3)),
        (1, a, 6, (6, 3)),
    ] {
        let (of, commit) = (collection(of), Uuid::from_u128(sequence.into()));
        let advanced = store.advance_checkpoint("k", &of, stream, sequence, commit);
        advanced.await.unwrap();
        let now = store.checkpoint("k").await.unwrap().unwrap();
        let position = now.position();
        assert_eq!((position.of(a), position.of(b)), expected);
        assert_eq!(now.stuck.is_some(), expected.0 == 0);
    }
    let now = store.checkpoint("k").await.unwrap().unwrap();
    let commit = |stream: StreamName| now.streams[stream.as_str()].commit.clone();
    assert_eq!(commit(a), Some(Uuid::from_u128(6).to_string()));
    assert_eq!(commit(b), Some(Uuid::from_u128(3).to_string()));
}

/// One holds it at a time, and others get it when it is free.
pub async fn a_lease_is_held_by_one_until_it_is_given_back_or_runs_out(store: &dyn ReadStore) {
    const LONG: Duration = Duration::from_hours(1);
    const SHORT: Duration = Duration::from_millis(1);
    let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    assert_eq!(store.lease("k").await.unwrap(), LeaseState::default());
    assert!(store.hold_lease("k", one, LONG).await.unwrap().is_some());
    assert!(store.hold_lease("k", one, LONG).await.unwrap().is_some());
    assert!(store.hold_lease("k", other, LONG).await.unwrap().is_none());
    assert!(store.hold_lease("l", other, LONG).await.unwrap().is_some());
    store.release_lease("k", other).await.unwrap();
    assert!(store.lease("k").await.unwrap().held, "it isn't theirs");
    store.release_lease("k", one).await.unwrap();
    assert!(!store.lease("k").await.unwrap().held);
    assert!(store.hold_lease("k", other, SHORT).await.unwrap().is_some());
    tokio::time::sleep(10 * SHORT).await;
    assert!(!store.lease("k").await.unwrap().held);
    assert!(store.hold_lease("k", one, LONG).await.unwrap().is_some());
    store.set_paused("k", true).await.unwrap();
    let held = store.hold_lease("k", one, LONG).await.unwrap().unwrap();
    assert!(held.paused && store.lease("k").await.unwrap().paused);
    store.remove_lease("k").await.unwrap();
    assert_eq!(store.lease("k").await.unwrap(), LeaseState::default());
}

/// A second request for a rebuild is answered with the one that is in progress.
pub async fn a_rebuild_that_is_asked_for_stands_until_it_ended(store: &dyn ReadStore) {
    let ask = |request| store.ask_for_rebuild("k", request);
    assert_eq!(ask("one").await.unwrap(), "one");
    assert_eq!(ask("two").await.unwrap(), "one");
    let (holder, ttl) = (Uuid::from_u128(1), Duration::from_hours(1));
    let held = store.hold_lease("k", holder, ttl).await.unwrap();
    assert_eq!(held.unwrap().rebuild.as_deref(), Some("one"));
    store.end_rebuild("k", "two").await.unwrap();
    assert_eq!(ask("two").await.unwrap(), "one");
    store.end_rebuild("k", "one").await.unwrap();
    assert_eq!(ask("two").await.unwrap(), "two");
}

/// Checkpoints with all that may be in them, and reports.
pub async fn what_is_recorded_is_read_back_and_removed(store: &dyn ReadStore) {
    let (first, mut second) = (start("a"), start("b"));
    for checkpoint in [&second, &first] {
        store.put_checkpoint(checkpoint).await.unwrap();
    }
    let why = || "why".to_owned();
    for change in [
        CheckpointChange::Ahead(true),
        CheckpointChange::Healing(why()),
        CheckpointChange::Halted(why()),
        CheckpointChange::Stuck(Some(why())),
    ] {
        store.amend_checkpoint("b", change.clone()).await.unwrap();
        store.amend_checkpoint("absent", change).await.unwrap();
    }
    second.ahead = true;
    second.healing = Some(why());
    second.halted = Some(why());
    second.stuck = Some(why());
    assert_eq!(store.checkpoints().await.unwrap(), [first, second]);
    store.remove_checkpoint("a").await.unwrap();
    assert_eq!(store.checkpoint("a").await.unwrap(), None);

    let mut report = Report::new("a", "one");
    report.done = 7;
    store.put_report(&report).await.unwrap();
    report.failed = Some(why());
    store.put_report(&report).await.unwrap();
    assert_eq!(store.report("a").await.unwrap(), Some(report));
    store.remove_report("a").await.unwrap();
    assert_eq!(store.report("a").await.unwrap(), None);
}
