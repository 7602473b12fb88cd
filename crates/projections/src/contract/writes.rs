//! Collections, and what is written to them.

use eventstore::StreamName;
use futures_util::TryStreamExt;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use std::collections::BTreeMap;
use uuid::Uuid;

use crate::{
    Change, DocumentId, ReadStoreError,
    bson_values::int,
    projection::DELETED,
    store::{Batch, CollectionId, Origin, ReadStore, SEQ, STREAM},
};

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

/// Which of two writers writes how many of the next steps; or first goes back by some of them, as
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

/// The result of the steps, one by one, in memory.
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

/// A collection that is written to.
struct Target<'a> {
    store: &'a dyn ReadStore,
    name: &'a str,
    id: CollectionId,
}

impl<'a> Target<'a> {
    async fn new(store: &'a dyn ReadStore, name: &'a str) -> Self {
        let id = store.ensure_collection(name, &[]).await.unwrap();
        Self { store, name, id }
    }

    async fn write(&self, batch: Batch) {
        self.store.write(self.name, &self.id, batch).await.unwrap();
    }

    async fn change(&self, seq: u64, change: Change) {
        let mut batch = Batch::default();
        batch.add(Origin::alone(seq), change).unwrap();
        self.write(batch).await;
    }

    /// Writes the steps after `at` and up to `to`.
    async fn take(&self, steps: &[Step], at: usize, to: usize) {
        let mut batch = Batch::default();
        for (index, step) in steps.iter().enumerate().take(to).skip(at) {
            batch
                .add(Origin::alone(index as u64 + 1), change(step))
                .unwrap();
        }
        self.write(batch).await;
    }

    /// All that is stored, by id.
    async fn stored(&self) -> Vec<RawDocumentBuf> {
        let found = self.store.documents(self.name).await.unwrap();
        let mut found: Vec<_> = found.try_collect().await.unwrap();
        found.sort_unstable_by_key(DocumentId::of);
        found
    }

    /// Without what stays of documents that were deleted.
    async fn documents(&self) -> Vec<RawDocumentBuf> {
        let mut found = self.stored().await;
        found.retain(|document| document.get(DELETED).unwrap().is_none());
        found
    }
}

/// The documents are what the changes give one by one, however they are batched and repeated, and
/// by any writer.
pub async fn any_batches_of_two_writers_with_any_repetition_give_the_same_bytes(
    store: &dyn ReadStore,
) {
    let mut runner = TestRunner::new(Config::default());
    for round in 0..60 {
        let tree = (steps(), bursts()).new_tree(&mut runner).unwrap();
        let (steps, bursts) = tree.current();
        let name = format!("round_{round}");
        let target = Target::new(store, &name).await;
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
            target.take(&steps, from, to).await;
            at[writer] = to;
            done = done.max(to);
        }
        target.take(&steps, done, steps.len()).await;
        let documents = target.documents().await;
        assert_eq!(documents, expected(&steps), "{steps:?} {bursts:?}");
    }
}

/// What a document reflects never goes back.
pub async fn an_older_write_changes_nothing(store: &dyn ReadStore) {
    let target = Target::new(store, "guarded").await;
    let id = || DocumentId::from(Uuid::from_u128(1));
    for (seq, value) in [(5, 5_i64), (4, 4), (5, 6)] {
        let doc = doc! { "a": value };
        target.change(seq, Change::Put { id: id(), doc }).await;
        let set = doc! { "a": value };
        target.change(seq, Change::Patch { id: id(), set }).await;
    }
    let found = target.documents().await;
    assert_eq!(found[0].get_i64("a").unwrap(), 5);
    assert_eq!(found[0].get_i64(SEQ).unwrap(), 5);
    let one = store.document("guarded", &id()).await.unwrap();
    assert_eq!(one.as_ref(), found.first());
    let absent = store.document("guarded", &"absent".into()).await;
    assert_eq!(absent.unwrap(), None);
}

/// A write names the identity of its collection.
pub async fn a_write_to_a_collection_that_was_replaced_is_refused_and_creates_none(
    store: &dyn ReadStore,
) {
    let target = Target::new(store, "gone").await;
    store.drop_collection("gone").await.unwrap();
    for again in [false, true] {
        if again {
            store.ensure_collection("gone", &[]).await.unwrap();
        }
        for kind in [StepKind::Put, StepKind::Patch, StepKind::Delete] {
            let (id, value) = (1, 2);
            let mut batch = Batch::default();
            batch
                .add(Origin::alone(1), change(&Step { id, kind, value }))
                .unwrap();
            let written = store.write("gone", &target.id, batch).await;
            let replaced = matches!(written, Err(ReadStoreError::Replaced));
            assert!(replaced, "{written:?}");
        }
        let id = store.collection_id("gone").await.unwrap();
        assert_eq!(id.is_some(), again);
    }
    assert!(target.stored().await.is_empty());
}

/// However many documents, and however large.
pub async fn a_batch_of_thousands_is_written_completely(store: &dyn ReadStore) {
    let target = Target::new(store, "many").await;
    for seq in 1..=2 {
        let mut batch = Batch::default();
        for n in 0..3_210_u128 {
            let (id, doc) = (Uuid::from_u128(n).into(), doc! { "a": "x".repeat(5_000) });
            batch
                .add(Origin::alone(seq), Change::Put { id, doc })
                .unwrap();
        }
        target.write(batch).await;
        let found = target.documents().await;
        assert_eq!(found.len(), 3_210);
        let is_new = |found: &RawDocumentBuf| found.get_i64(SEQ).is_ok_and(|at| at == int(seq));
        assert!(found.iter().all(is_new));
    }
}

/// A tombstone keeps a document away that an older write would bring back.
pub async fn a_late_write_does_not_restore_a_deleted_document(store: &dyn ReadStore) {
    let target = Target::new(store, "deleted").await;
    let id = || DocumentId::from("a");
    let put = |value: i64| {
        let doc = doc! { "a": value };
        Change::Put { id: id(), doc }
    };
    let patch = || {
        let set = doc! { "a": 9_i64 };
        Change::Patch { id: id(), set }
    };
    // The one who took over merges both into one batch, and the document was never there. Then
    // comes what the one before had sent already.
    target.change(6, Change::Delete { id: id() }).await;
    target.change(5, put(5)).await;
    assert!(target.documents().await.is_empty(), "it is back");
    target.change(7, patch()).await;
    // Nor are its fields in the tombstone, where queries would find them.
    let stored = target.stored().await;
    let tombstone = doc! { "_id": "a", DELETED: true, SEQ: 6_i64 };
    assert_eq!(Document::try_from(&stored[0]).unwrap(), tombstone);
    target.change(8, put(8)).await;
    assert_eq!(target.documents().await.len(), 1);
    target.change(6, Change::Delete { id: id() }).await;
    target.change(7, patch()).await;
    let found = target.documents().await;
    let expected = doc! { "_id": "a", "a": 8_i64, "seq": 8_i64 };
    assert_eq!(Document::try_from(&found[0]).unwrap(), expected);
}

/// A rebuild throws them away when its collection has taken over.
pub async fn tombstones_are_thrown_away_up_to_a_commit_and_documents_are_not(
    store: &dyn ReadStore,
) {
    let target = Target::new(store, "purged").await;
    let mut batch = Batch::default();
    for seq in 1..=4 {
        let id = DocumentId::from(int(seq));
        if seq == 2 {
            let doc = doc! {};
            batch
                .add(Origin::alone(seq), Change::Put { id, doc })
                .unwrap();
        } else {
            batch
                .add(Origin::alone(seq), Change::Delete { id })
                .unwrap();
        }
    }
    target.write(batch).await;
    store
        .purge("purged", &target.id, Origin::alone(3))
        .await
        .unwrap();
    let left = target.stored().await;
    let ids: Vec<_> = left.iter().filter_map(DocumentId::of).collect();
    assert_eq!(ids, [2.into(), 4.into()]);
    store.drop_collection("purged").await.unwrap();
    let purged = store.purge("purged", &target.id, Origin::alone(9)).await;
    assert!(
        matches!(purged, Err(ReadStoreError::Replaced)),
        "{purged:?}"
    );
}

/// What a rebuild rests on: who meant the old collection, or the new one by its old name, writes
/// nothing any more.
pub async fn a_collection_keeps_its_identity_when_it_takes_the_place_of_another(
    store: &dyn ReadStore,
) {
    let old = Target::new(store, "serves").await;
    let new = Target::new(store, "rebuilt").await;
    assert_ne!(old.id, new.id);
    let again = store.ensure_collection("serves", &[]).await.unwrap();
    assert_eq!(again, old.id);
    let put = |value: i64| {
        let (id, doc) = ("a".into(), doc! { "a": value });
        let mut batch = Batch::default();
        batch
            .add(Origin::alone(1), Change::Put { id, doc })
            .unwrap();
        batch
    };
    old.write(put(1)).await;
    new.write(put(2)).await;
    store.switch_collection("rebuilt", "serves").await.unwrap();
    assert_eq!(
        store.collection_id("serves").await.unwrap(),
        Some(new.id.clone())
    );
    assert_eq!(store.collection_id("rebuilt").await.unwrap(), None);
    for (name, id) in [("serves", &old.id), ("rebuilt", &new.id)] {
        let written = store.write(name, id, put(3)).await;
        let replaced = matches!(written, Err(ReadStoreError::Replaced));
        assert!(replaced, "{name}: {written:?}");
    }
    let found = old.documents().await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].get_i64("a").unwrap(), 2);
}

/// Where documents are of several streams, each is compared with commits of its own.
pub async fn a_document_is_of_one_stream_and_counts_its_commits(store: &dyn ReadStore) {
    let target = Target::new(store, "owned").await;
    let streams = [StreamName::new("A"), StreamName::new("B")];
    let write = |stream: usize, sequence, change| {
        let target = &target;
        async move {
            let mut batch = Batch::default();
            let origin = Origin::of(&streams, streams[stream], sequence);
            batch.add(origin, change).unwrap();
            target.store.write(target.name, &target.id, batch).await
        }
    };
    let put = |id: &str| Change::Put {
        id: id.into(),
        doc: doc! { "a": 1_i64 },
    };
    let patch = |id: &str| Change::Patch {
        id: id.into(),
        set: doc! { "a": 2_i64 },
    };
    let delete = |id: &str| Change::Delete { id: id.into() };
    write(0, 5, put("x")).await.unwrap();
    write(1, 3, put("y")).await.unwrap();
    for change in [put("x"), patch("x"), delete("x")] {
        // Earlier and later than what the other stream has written.
        for sequence in [4, 9] {
            let written = write(1, sequence, change.clone()).await;
            let owned =
                matches!(&written, Err(ReadStoreError::OwnedByAnother(of)) if of.owner == "A");
            assert!(owned, "{written:?}");
        }
    }
    let stored = |id: &str, a: i64, stream: &str, seq: i64| {
        let stored = doc! { "_id": id, "a": a, STREAM: stream, SEQ: seq };
        RawDocumentBuf::try_from(&stored).unwrap()
    };
    let untouched = [stored("x", 1, "A", 5), stored("y", 1, "B", 3)];
    assert_eq!(target.stored().await, untouched);
    write(0, 6, patch("x")).await.unwrap();
    write(0, 6, patch("x")).await.unwrap();
    write(1, 4, delete("y")).await.unwrap();
    assert_eq!(target.documents().await, [stored("x", 2, "A", 6)]);
    let after = |stream: usize, sequence| Origin::of(&streams, streams[stream], sequence);
    for (origin, expected) in [(after(0, 5), 1), (after(0, 6), 0), (after(1, 1), 1)] {
        let newer = store.newest("owned", origin, 9).await.unwrap();
        assert_eq!(newer.len(), expected, "{origin:?}");
    }
    for (origin, left) in [(after(0, 9), 2), (after(1, 3), 2), (after(1, 4), 1)] {
        store.purge("owned", &target.id, origin).await.unwrap();
        assert_eq!(target.stored().await.len(), left, "{origin:?}");
    }
}

/// What is compared with the log after a crash.
pub async fn the_newest_documents_are_found_by_what_they_reflect(store: &dyn ReadStore) {
    let target = Target::new(store, "newest").await;
    let mut batch = Batch::default();
    for seq in 1..=5 {
        let (id, doc) = (int(seq).into(), doc! {});
        batch
            .add(Origin::alone(seq), Change::Put { id, doc })
            .unwrap();
    }
    target.write(batch).await;
    for (after, limit, expected) in [(2, 9, vec![5, 4, 3]), (2, 2, vec![5, 4]), (5, 9, vec![])] {
        let found = store
            .newest("newest", Origin::alone(after), limit)
            .await
            .unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|found| found.get_i64(SEQ).unwrap())
            .collect();
        assert_eq!(found, expected);
    }
}
