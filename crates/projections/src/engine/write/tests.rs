use super::*;
use crate::{Change, undeleted};
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
use uuid::Uuid;

/// What happens to one of a few documents.
#[derive(Clone, Debug)]
struct Step {
    id: u8,
    kind: StepKind,
    value: i64,
}

#[derive(Clone, Copy, Debug)]
enum StepKind {
    Put,
    /// Some fields are set.
    Patch,
    Delete,
}

/// Who of two writers writes how many of the next steps; or goes back by so many first, as
/// after a crash.
#[derive(Clone, Debug)]
struct Burst {
    second: bool,
    back: usize,
    length: usize,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = prop_oneof![
        3 => Just(StepKind::Put),
        5 => Just(StepKind::Patch),
        2 => Just(StepKind::Delete),
    ];
    let step = (0..5_u8, kind, 0..100_i64);
    vec(
        step.prop_map(|(id, kind, value)| Step { id, kind, value }),
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
    let id = match step.id {
        3 => DocumentId::from("three"),
        4 => DocumentId::from(4),
        id => Uuid::from_u128(u128::from(id)).into(),
    };
    match step.kind {
        StepKind::Put => {
            let doc = doc! { "a": step.value, "b": null, "c": "x" };
            Change::Put { id, doc }
        }
        StepKind::Patch if step.value % 2 == 0 => {
            let set = doc! { "a": step.value };
            Change::Patch { id, set }
        }
        StepKind::Patch => {
            let set = doc! { "c": step.value.to_string(), "b": step.value };
            Change::Patch { id, set }
        }
        StepKind::Delete => Change::Delete { id },
    }
}

/// What the steps give, one by one, in memory.
fn expected(steps: &[Step]) -> Vec<RawDocumentBuf> {
    let mut documents = BTreeMap::<DocumentId, Document>::new();
    for (step, seq) in steps.iter().zip(1_i64..) {
        match change(step) {
            Change::Put { id, doc } => {
                let mut document = doc! { "_id": id.to_bson() };
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
            Change::Delete { id } => _ = documents.remove(&id),
        }
    }
    let raw = |document: &Document| RawDocumentBuf::try_from(document).unwrap();
    let mut documents: Vec<_> = documents.values().map(raw).collect();
    documents.sort_unstable_by_key(DocumentId::of);
    documents
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

/// The documents that a query sees, by id.
async fn stored(target: &Target) -> Vec<RawDocumentBuf> {
    matching(target, undeleted(doc! {})).await
}

async fn matching(target: &Target, filter: Document) -> Vec<RawDocumentBuf> {
    let collection: Collection<RawDocumentBuf> = target.store.database().collection(&target.name);
    let found = collection.find(filter).await.unwrap();
    let mut found: Vec<RawDocumentBuf> = found.try_collect().await.unwrap();
    found.sort_unstable_by_key(DocumentId::of);
    found
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
        // How far each of the two is, and how far anybody was: nobody skips a step.
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
    let id = || Uuid::from_u128(1).into();
    for (seq, value) in [(5, 5_i64), (4, 4), (5, 6)] {
        for change in [
            Change::Put {
                id: id(),
                doc: doc! { "a": value },
            },
            Change::Patch {
                id: id(),
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
        for kind in [StepKind::Put, StepKind::Patch, StepKind::Delete] {
            let mut batch = Batch::default();
            let step = Step {
                id: 1,
                kind,
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
            let (id, doc) = (Uuid::from_u128(n).into(), doc! { "a": "x".repeat(5_000) });
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

#[tokio::test]
async fn a_late_write_brings_no_deleted_document_back_and_a_new_one_may_take_its_place() {
    let mongo = Mongo::database().await;
    let target = target(&mongo, "deleted").await;
    let id = || DocumentId::from("a");
    let put = |value: i64| Change::Put {
        id: id(),
        doc: doc! { "a": value },
    };
    let patch = || Change::Patch {
        id: id(),
        set: doc! { "a": 9_i64 },
    };
    let write = async |seq, change| {
        let mut batch = Batch::default();
        batch.add(seq, change);
        target.write(batch).await.unwrap();
    };
    // The one who took over merges both into one batch, and the document was never there. Then
    // comes what the one before had sent already.
    write(6, Change::Delete { id: id() }).await;
    write(5, put(5)).await;
    assert!(stored(&target).await.is_empty(), "it is back");
    write(7, patch()).await;
    assert!(stored(&target).await.is_empty(), "a part is no document");
    write(8, put(8)).await;
    assert_eq!(stored(&target).await.len(), 1);
    write(6, Change::Delete { id: id() }).await;
    write(7, patch()).await;
    let found = stored(&target).await;
    let expected = doc! { "_id": "a", "a": 8_i64, "seq": 8_i64 };
    assert_eq!(Document::try_from(&found[0]).unwrap(), expected);
}

#[tokio::test]
async fn tombstones_are_thrown_away_up_to_a_commit_and_documents_are_not() {
    let mongo = Mongo::database().await;
    let target = target(&mongo, "purged").await;
    let mut batch = Batch::default();
    for seq in 1..=4 {
        let id = DocumentId::from(i64::try_from(seq).unwrap());
        if seq == 2 {
            batch.add(seq, Change::Put { id, doc: doc! {} });
        } else {
            batch.add(seq, Change::Delete { id });
        }
    }
    target.write(batch).await.unwrap();
    target.purge(3).await.unwrap();
    let left = matching(&target, doc! {}).await;
    let ids: Vec<_> = left.iter().filter_map(DocumentId::of).collect();
    assert_eq!(ids, [2.into(), 4.into()]);
}
