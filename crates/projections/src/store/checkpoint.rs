//! How far a projection has folded its streams.
//!
//! Written after the documents, so it may lag behind them and is never ahead; the guard in each
//! document makes repeated folding harmless.

use chrono::{DateTime, Utc};
use eventstore::StreamName;
use mongodb::bson::{Binary, Bson};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

use crate::{
    Position,
    bson_values::{int, unsigned},
};

/// A checkpoint as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Name and version of the projection.
    #[serde(rename = "_id")]
    pub key: String,
    /// Identity of the collection that this describes.
    pub collection: Bson,
    /// How far each stream is folded, by its name. None in the record of an earlier release, which
    /// knew one stream: the model is filled again then.
    #[serde(default)]
    pub streams: BTreeMap<String, FoldedStream>,
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

/// How far one stream is folded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoldedStream {
    /// Identity of the stream: its creation time.
    pub created: String,
    /// The last folded commit.
    pub sequence: i64,
    /// Identity of that commit. It distinguishes the log that was folded from one that was restored
    /// from a backup and then continued differently.
    pub commit: Option<String>,
}

/// A rebuilt collection that is about to take over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NextCollection {
    /// Its identity.
    pub collection: Bson,
    /// As in [`Checkpoint`].
    #[serde(default)]
    pub lineage: i64,
    /// How far it is filled, by stream.
    #[serde(default)]
    pub streams: BTreeMap<String, FoldedStream>,
}

impl FoldedStream {
    /// Nothing yet of a stream.
    pub(crate) fn start(created: DateTime<Utc>) -> Self {
        Self {
            created: identity(created),
            sequence: 0,
            commit: None,
        }
    }

    /// Notes a commit that is folded.
    pub(crate) fn advance(&mut self, sequence: u64, commit: Uuid) {
        self.sequence = int(sequence);
        self.commit = Some(commit.to_string());
    }
}

/// How far streams are folded.
pub(crate) fn position_of(streams: &BTreeMap<String, FoldedStream>) -> Position {
    let folded = streams.iter();
    folded
        .map(|(stream, folded)| (stream.clone(), unsigned(folded.sequence)))
        .collect()
}

impl Checkpoint {
    /// The checkpoint of an empty collection.
    pub fn start(
        key: String,
        collection: Binary,
        created: impl IntoIterator<Item = (StreamName, DateTime<Utc>)>,
    ) -> Self {
        let streams = created
            .into_iter()
            .map(|(stream, created)| (stream.as_str().to_owned(), FoldedStream::start(created)));
        Self {
            key,
            collection: Bson::Binary(collection),
            streams: streams.collect(),
            lineage: 0,
            ahead: false,
            healing: None,
            halted: None,
            stuck: None,
            next: None,
        }
    }

    /// Identity of the counted commits: of the streams, and of their state before one lost a tail.
    pub fn origin(&self) -> String {
        let created: Vec<_> = self
            .streams
            .values()
            .map(|stream| stream.created.as_str())
            .collect();
        let created = created.join(",");
        match self.lineage {
            0 => created,
            lineage => format!("{created}+{lineage}"),
        }
    }

    /// How far it is folded.
    pub fn position(&self) -> Position {
        position_of(&self.streams)
    }

    /// Adopts the rebuilt collection, if it has taken over. A crash may have come between the
    /// switch and its record.
    #[must_use]
    pub fn settle(mut self, collection: &Binary) -> Self {
        if let Some(next) = &self.next
            && next.collection == Bson::Binary(collection.clone())
        {
            self.collection = next.collection.clone();
            self.streams.clone_from(&next.streams);
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
    fn a_crash_during_a_switch_is_resolved_by_the_collection() {
        let created = DateTime::from_timestamp_nanos(1);
        let streams = [StreamName::new("A"), StreamName::new("B")];
        let start = Checkpoint::start(
            "k".into(),
            collection(1),
            streams.map(|name| (name, created)),
        );
        let mut rebuilt = start.streams.clone();
        for stream in rebuilt.values_mut() {
            stream.created = "later".into();
            stream.advance(7, Uuid::nil());
        }
        let before = Checkpoint {
            halted: Some("why".into()),
            stuck: Some("why".into()),
            healing: Some("why".into()),
            next: Some(NextCollection {
                collection: Bson::Binary(collection(2)),
                lineage: 1,
                streams: rebuilt.clone(),
            }),
            ..start
        };
        assert_eq!(before.clone().settle(&collection(1)), before);
        let after = before.settle(&collection(2));
        assert_eq!((after.position().total(), &after.next), (14, &None));
        assert_eq!(after.position().of(streams[0]), 7);
        assert_eq!(after.collection, Bson::Binary(collection(2)));
        assert_eq!(after.streams, rebuilt);
        assert_eq!(after.origin(), "later,later+1");
        assert_eq!(
            (after.halted, after.healing, after.stuck),
            (None, None, None)
        );
    }
}
