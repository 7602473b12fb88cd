use super::*;
use crate::{Change, bson_values::uuid};
use futures_util::TryStreamExt;
use mongodb::{Collection, bson::doc};
use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use std::collections::BTreeMap;
use testkit::Mongo;

/// A step for one of a few documents: it is put, or one field is set.
#[derive(Clone, Debug)]
struct Step {
    id: u8,
    put: bool,
    value: i64,
}

/// Which of two writers writes how many of the next steps; or first goes back by some of them, as
/// after a crash.
#[derive(Clone, Debug)]
struct Burst {
    second: bool,
    back: usize,
    length: usize,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..5_u8, prop::bool::weighted(0.3), 0..100_i64);
    vec(
        step.prop_map(|(id, put, value)| Step { id, put, value }),
        1..60,
    )
}

fn bursts() -> impl Strategy<Value = Vec<Burst>> {
    let burst = (any::<bool>(), 0..8_usize, 1..15_usize);
    vec(
        burst.prop_map(|(second, back, length)| Burst {
            second,
            back,
            length,
        }),
        0..30,
    )
}

fn change(step: &Step) -> Change {
    let id = Uuid::from_u128(u128::from(step.id));
    if step.put {
        let doc = doc! { "a": step.value, "b": null, "c": "x" };
        Change::Put { id, doc }
    } else if step.value % 2 == 0 {
        let set = doc! { "a": step.value };
        Change::Patch { id, set }
    } else {
        let set = doc! { "c": step.value.to_string(), "b": step.value };
        Change::Patch { id, set }
    }
}

/// The result of the steps, one by one, in memory.
fn expected(steps: &[Step]) -> Vec<RawDocumentBuf> {
    let mut documents = BTreeMap::<Uuid, Document>::new();
    for (step, seq) in steps.iter().zip(1_i64..) {
        match change(step) {
            Change::Put { id, doc } => {
                let mut document = doc! { "_id": uuid(id) };
                document.extend(doc);
                document.insert(SEQ, seq);
                documents.insert(id, document);
            }
            Change::Patch { id, set } => {
                if let Some(document) = documents.get_mut(&id) {
                    document.extend(set);
                    document.insert(SEQ, seq);
                }
            }
        }
    }
    let raw = |document: &Document| RawDocumentBuf::try_from(document).unwrap();
    documents.values().map(raw).collect()
}

async fn target(mongo: &Mongo, name: &str) -> Target {
    let store = ReadStore::connect(mongo.uri(), mongo.name()).await.unwrap();
    let uuid = store.ensure_collection(name, &[]).await.unwrap();
    Target {
        store,
        name: name.to_owned(),
        uuid,
    }
}

async fn stored(target: &Target) -> Vec<RawDocumentBuf> {
    let collection: Collection<RawDocumentBuf> = target.store.database().collection(&target.name);
    let found = collection.find(doc! {}).sort(doc! { "_id": 1 }).await;
    found.unwrap().try_collect().await.unwrap()
}

/// Writes the steps after `at` and up to `to`.
async fn write(target: &Target, steps: &[Step], at: usize, to: usize) {
    let mut batch = Batch::default();
    for (index, step) in steps.iter().enumerate().take(to).skip(at) {
        batch.add(index as u64 + 1, change(step));
    }
    target.write(batch).await.unwrap();
}

#[tokio::test]
async fn any_batches_of_two_writers_with_any_repetition_give_the_same_bytes() {
    let mongo = Mongo::database().await;
    let mut runner = TestRunner::new(Config::default());
    for round in 0..60 {
        let tree = (steps(), bursts()).new_tree(&mut runner).unwrap();
        let (steps, bursts) = tree.current();
        let target = target(&mongo, &format!("round_{round}")).await;
        // The position of each of the two, and the furthest: neither skips a step.
        let (mut at, mut done) = ([0_usize; 2], 0_usize);
        for burst in &bursts {
            let writer = usize::from(burst.second);
            let from = if burst.back > 0 {
                done.min(at[writer] + 20).saturating_sub(burst.back)
            } else {
                at[writer]
            };
            let to = (from + burst.length).min(steps.len());
            write(&target, &steps, from, to).await;
            at[writer] = to;
            done = done.max(to);
        }
        write(&target, &steps, done, steps.len()).await;
        assert_eq!(
            stored(&target).await,
            expected(&steps),
            "{steps:?} {bursts:?}"
        );
    }
}

#[tokio::test]
async fn an_older_write_changes_nothing() {
    let mongo = Mongo::database().await;
    let target = target(&mongo, "guarded").await;
    let id = Uuid::from_u128(1);
    for (seq, value) in [(5, 5_i64), (4, 4), (5, 6)] {
        for change in [
            Change::Put {
                id,
                doc: doc! { "a": value },
            },
            Change::Patch {
                id,
                set: doc! { "a": value },
            },
        ] {
            let mut batch = Batch::default();
            batch.add(seq, change);
            target.write(batch).await.unwrap();
        }
    }
    let found = stored(&target).await;
    assert_eq!(found[0].get_i64("a").unwrap(), 5);
    assert_eq!(found[0].get_i64(SEQ).unwrap(), 5);
}

#[tokio::test]
async fn a_write_to_a_collection_that_was_replaced_is_refused_and_creates_none() {
    let mongo = Mongo::database().await;
    let target = target(&mongo, "gone").await;
    let database = target.store.database();
    database
        .collection::<Document>("gone")
        .drop()
        .await
        .unwrap();
    for again in [false, true] {
        if again {
            target.store.ensure_collection("gone", &[]).await.unwrap();
        }
        for put in [false, true] {
            let mut batch = Batch::default();
            let step = Step {
                id: 1,
                put,
                value: 2,
            };
            batch.add(1, change(&step));
            let written = target.write(batch).await;
            assert!(matches!(written, Err(RunnerError::Replaced)), "{written:?}");
        }
    }
    assert!(stored(&target).await.is_empty());
}

#[tokio::test]
async fn a_batch_of_thousands_is_written_completely() {
    let mongo = Mongo::database().await;
    let target = target(&mongo, "many").await;
    for seq in 1..=2 {
        let mut batch = Batch::default();
        for n in 0..3_210_u128 {
            let (id, doc) = (Uuid::from_u128(n), doc! { "a": "x".repeat(5_000) });
            batch.add(seq, Change::Put { id, doc });
        }
        target.write(batch).await.unwrap();
        let found = stored(&target).await;
        assert_eq!(found.len(), 3_210);
        assert!(
            found
                .iter()
                .all(|found| found.get_i64(SEQ).is_ok_and(|at| at == int(seq)))
        );
    }
}
