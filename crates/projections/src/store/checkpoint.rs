//! How far a projection has folded its stream.
//!
//! Written after the documents, so it may lag behind them and is never ahead; the guard in each
//! document makes repeated folding harmless.

use chrono::{DateTime, Utc};
use mongodb::bson::{Binary, Bson};
use serde::{Deserialize, Serialize};

/// A checkpoint as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
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
    pub next: Option<NextCollection>,
}

/// A rebuilt collection that is about to take over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NextCollection {
    /// Its identity.
    pub collection: Bson,
    /// Identity of the stream that it was filled from.
    pub stream_created: String,
    /// As in [`Checkpoint`].
    #[serde(default)]
    pub lineage: i64,
    /// The last commit that is folded into it.
    pub sequence: i64,
    /// Identity of that commit.
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

    /// The last folded commit.
    pub fn sequence(&self) -> u64 {
        u64::try_from(self.sequence).unwrap_or(0)
    }

    /// Adopts the rebuilt collection, if it has taken over. A crash may have come between the
    /// switch and its record.
    #[must_use]
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

/// A change of one thing in a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckpointChange {
    /// Whether documents may reflect more than it says.
    Ahead(bool),
    /// The model is being filled again, and why.
    Healing(String),
    /// Folding on would be wrong, and why.
    Halted(String),
    /// The release of the process that folded last can't fold on, and why; or nothing keeps it from
    /// that.
    Stuck(Option<String>),
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
            next: Some(NextCollection {
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
}
