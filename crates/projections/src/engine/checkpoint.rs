//! How far a projection has folded its stream.
//!
//! Written after the documents, so it may lag behind them and is never ahead; the guard in each
//! document makes repeated folding harmless.

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use mongodb::{
    Collection,
    bson::{Binary, Bson, doc},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{ReadError, ReadStore, bson_values::int, error::RunnerError};

pub(crate) const COLLECTION: &str = "projection_checkpoints";

/// A checkpoint as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    /// Name and version of the projection.
    #[serde(rename = "_id")]
    pub key: String,
    /// Identity of the collection that this describes.
    pub collection: Bson,
    /// Identity of the stream: its creation time.
    pub stream_created: String,
    /// The last folded commit.
    pub sequence: i64,
    /// Identity of that commit. It distinguishes the log that was folded from one that was restored
    /// from a backup and then continued differently.
    pub commit: Option<String>,
    /// Number of times the model was rebuilt because folded commits were gone from the log. A
    /// sequence identifies the same commit only as long as this stays the same.
    #[serde(default)]
    pub lineage: i64,
    /// Whether documents may reflect later commits than this: true from the moment when a process
    /// begins to fold until it stops cleanly.
    #[serde(default)]
    pub ahead: bool,
    /// Why it is being rebuilt: the log lost commits that it had folded.
    #[serde(default)]
    pub healing: Option<String>,
    /// Why folding must not continue; only a rebuild resolves this.
    pub halted: Option<String>,
    /// Why the last leader could not continue: a commit that its release can't fold. Unlike
    /// `halted` it prevents no attempt: another release may be able to fold it, and progress clears
    /// this.
    #[serde(default)]
    pub stuck: Option<String>,
    /// A rebuilt collection that is about to take over.
    pub next: Option<Next>,
}

/// A rebuilt collection that is about to take over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Next {
    pub collection: Bson,
    pub stream_created: String,
    #[serde(default)]
    pub lineage: i64,
    pub sequence: i64,
    pub commit: Option<String>,
}

impl Checkpoint {
    /// The checkpoint of an empty collection.
    pub fn start(key: String, collection: Binary, stream_created: DateTime<Utc>) -> Self {
        Self {
            key,
            collection: Bson::Binary(collection),
            stream_created: identity(stream_created),
            sequence: 0,
            commit: None,
            lineage: 0,
            ahead: false,
            healing: None,
            halted: None,
            stuck: None,
            next: None,
        }
    }

    /// Identity of the counted commits: of the stream, and of its state before it lost a tail.
    pub fn stream(&self) -> String {
        match self.lineage {
            0 => self.stream_created.clone(),
            lineage => format!("{}+{lineage}", self.stream_created),
        }
    }

    pub fn sequence(&self) -> u64 {
        u64::try_from(self.sequence).unwrap_or(0)
    }

    /// Adopts the rebuilt collection, if it has taken over. A crash may have come between the
    /// switch and its record.
    pub fn settle(mut self, collection: &Binary) -> Self {
        if let Some(next) = &self.next
            && next.collection == Bson::Binary(collection.clone())
        {
            self.collection = next.collection.clone();
            self.stream_created.clone_from(&next.stream_created);
            self.sequence = next.sequence;
            self.commit.clone_from(&next.commit);
            self.lineage = next.lineage;
            self.healing = None;
            self.halted = None;
            self.stuck = None;
            self.next = None;
        }
        self
    }
}

/// The stored form of a stream's identity.
pub(crate) fn identity(created: DateTime<Utc>) -> String {
    created.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true)
}

/// The checkpoints.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoints {
    store: ReadStore,
    collection: Collection<Checkpoint>,
}

impl Checkpoints {
    pub fn new(store: &ReadStore) -> Self {
        Self {
            store: store.clone(),
            collection: store.database().collection(COLLECTION),
        }
    }

    /// Lists all checkpoints, by name.
    pub async fn all(&self) -> Result<Vec<Checkpoint>, RunnerError> {
        let find = async {
            let found = self.collection.find(doc! {}).sort(doc! { "_id": 1 });
            found.await?.try_collect().await
        };
        self.store.bounded(find).await
    }

    pub async fn load(&self, key: &str) -> Result<Option<Checkpoint>, RunnerError> {
        let found = self.collection.find_one(doc! { "_id": key });
        self.store.bounded(found).await
    }

    /// Like [`Self::load`], with the time limit of a read.
    pub async fn peek(&self, key: &str) -> Result<Option<Checkpoint>, ReadError> {
        self.store
            .read(self.collection.find_one(doc! { "_id": key }))
            .await
    }

    /// Writes a checkpoint, replacing any other.
    pub async fn put(&self, checkpoint: &Checkpoint) -> Result<(), RunnerError> {
        let written = self
            .collection
            .replace_one(doc! { "_id": &checkpoint.key }, checkpoint)
            .upsert(true);
        self.store.bounded(written).await.map(|_| ())
    }

    /// Advances a checkpoint; never backwards, and never that of another collection. Clears what it
    /// was stuck at.
    pub async fn advance(
        &self,
        key: &str,
        collection: &Binary,
        sequence: u64,
        commit: Uuid,
    ) -> Result<(), RunnerError> {
        let sequence = int(sequence);
        let guard = doc! {
            "_id": key,
            "collection": collection.clone(),
            "sequence": { "$lt": sequence },
        };
        let news = doc! { "$set": { "sequence": sequence, "commit": commit.to_string(), "stuck": Bson::Null } };
        self.store
            .bounded(self.collection.update_one(guard, news))
            .await
            .map(|_| ())
    }

    pub async fn remove(&self, key: &str) -> Result<(), RunnerError> {
        let removed = self.collection.delete_one(doc! { "_id": key });
        self.store.bounded(removed).await.map(|_| ())
    }

    /// Records whether documents may reflect later commits than the checkpoint.
    pub async fn set_ahead(&self, key: &str, ahead: bool) -> Result<(), RunnerError> {
        let news = doc! { "$set": { "ahead": ahead } };
        self.store
            .bounded(self.collection.update_one(doc! { "_id": key }, news))
            .await
            .map(|_| ())
    }

    /// Records that the model is being rebuilt, and why.
    pub async fn heal(&self, key: &str, why: &str) -> Result<(), RunnerError> {
        let news = doc! { "$set": { "healing": why } };
        self.store
            .bounded(self.collection.update_one(doc! { "_id": key }, news))
            .await
            .map(|_| ())
    }

    /// Records that folding must not continue.
    pub async fn halt(&self, key: &str, why: &str) -> Result<(), RunnerError> {
        let news = doc! { "$set": { "halted": why } };
        self.store
            .bounded(self.collection.update_one(doc! { "_id": key }, news))
            .await
            .map(|_| ())
    }

    /// Records that the release of this process can't fold the next commit, or clears that.
    pub async fn stick(&self, key: &str, why: Option<&str>) -> Result<(), RunnerError> {
        let news = doc! { "$set": { "stuck": why } };
        self.store
            .bounded(self.collection.update_one(doc! { "_id": key }, news))
            .await
            .map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::spec::BinarySubtype;

    fn collection(byte: u8) -> Binary {
        Binary {
            subtype: BinarySubtype::Uuid,
            bytes: vec![byte; 16],
        }
    }

    #[test]
    fn a_crash_between_a_switch_and_its_record_is_settled_by_the_collection_that_is_there() {
        let created = DateTime::from_timestamp_nanos(1);
        let before = Checkpoint {
            sequence: 5,
            halted: Some("why".into()),
            stuck: Some("why".into()),
            healing: Some("why".into()),
            next: Some(Next {
                collection: Bson::Binary(collection(2)),
                stream_created: "later".into(),
                lineage: 1,
                sequence: 7,
                commit: Some("c".into()),
            }),
            ..Checkpoint::start("k".into(), collection(1), created)
        };
        assert_eq!(before.clone().settle(&collection(1)), before);
        let after = before.settle(&collection(2));
        assert_eq!((after.sequence, &after.next), (7, &None));
        assert_eq!(after.collection, Bson::Binary(collection(2)));
        assert_eq!(after.stream_created, "later");
        assert_eq!(after.stream(), "later+1");
        assert_eq!((after.commit.as_deref(), after.halted), (Some("c"), None));
        assert_eq!((after.healing, after.stuck), (None, None));
    }

    #[tokio::test]
    async fn a_checkpoint_never_goes_back_and_is_never_that_of_another_collection() {
        let mongo = testkit::Mongo::database().await;
        let store = ReadStore::connect(mongo.uri(), mongo.name()).await.unwrap();
        let checkpoints = Checkpoints::new(&store);
        let created = DateTime::from_timestamp_nanos(1);
        let start = Checkpoint::start("k".into(), collection(1), created);
        checkpoints.put(&start).await.unwrap();
        for (of, sequence, expected) in [(1, 5, 5), (1, 3, 5), (2, 9, 5), (1, 6, 6)] {
            let of = collection(of);
            let advanced = checkpoints.advance("k", &of, sequence, Uuid::nil());
            advanced.await.unwrap();
            let now = checkpoints.load("k").await.unwrap().unwrap();
            assert_eq!(now.sequence(), expected);
        }
    }
}
