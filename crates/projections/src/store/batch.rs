//! Many changes as few writes.

use eventstore::StreamName;
use mongodb::bson::{Document, doc};
use std::collections::{HashMap, hash_map::Entry};

use crate::{Change, DocumentId, OwnedByAnother, bson_values::int, projection::DELETED};

/// The field with the sequence of the commit that a document reflects.
pub(crate) const SEQ: &str = "seq";

/// The field with the stream of that commit, where documents are of several.
pub(crate) const STREAM: &str = "_stream";

/// The commit that a document reflects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its stream; `None` if all documents of the projection are of one.
    pub stream: Option<StreamName>,
    /// Its sequence in that stream.
    pub sequence: u64,
}

impl Origin {
    /// A commit of a stream, one of those that a projection folds.
    pub(crate) fn of(streams: &[StreamName], stream: StreamName, sequence: u64) -> Self {
        Self {
            stream: (streams.len() > 1).then_some(stream),
            sequence,
        }
    }

    /// A commit of the only stream.
    pub fn alone(sequence: u64) -> Self {
        Self {
            stream: None,
            sequence,
        }
    }
}

/// The changes of a run of commits, merged to at most one write per document.
#[derive(Debug, Default)]
pub struct Batch {
    writes: HashMap<DocumentId, Write>,
}

/// The write to one document.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// The last commit that is merged into it.
    pub origin: Origin,
    /// Whether `fields` is the whole document (less `_id` and `seq`) or a part of it.
    pub whole: bool,
    /// Fields and what they become, in their order.
    pub fields: Document,
}

impl Batch {
    /// Merges a change from a commit, which is the newest of its stream so far.
    ///
    /// # Errors
    /// When a commit of another stream has changed the same document.
    pub fn add(&mut self, origin: Origin, change: Change) -> Result<(), OwnedByAnother> {
        let (id, whole, fields) = match change {
            Change::Put { id, doc } => (id, true, doc),
            // A whole document like any other, for everything that writes it.
            Change::Delete { id } => (id, true, doc! { DELETED: true }),
            Change::Patch { id, set } => (id, false, set),
        };
        match self.writes.entry(id) {
            Entry::Vacant(vacant) => {
                vacant.insert(Write {
                    origin,
                    whole,
                    fields,
                });
            }
            Entry::Occupied(mut there) => {
                let owner = there.get().origin.stream.map(StreamName::as_str);
                OwnedByAnother::check(there.key(), origin.stream, owner)?;
                let write = there.get_mut();
                if whole {
                    write.whole = true;
                    write.fields = fields;
                } else if write.is_tombstone() {
                    return Ok(());
                } else {
                    // Inserting over an existing field keeps its place.
                    write.fields.extend(fields);
                }
                write.origin = origin;
            }
        }
        Ok(())
    }

    /// The documents that it changes.
    pub fn ids(&self) -> impl Iterator<Item = DocumentId> {
        self.writes.keys().cloned()
    }

    /// Whether documents are deleted by it.
    pub fn deletes(&self) -> bool {
        self.writes.values().any(Write::is_tombstone)
    }

    /// One write for each document, in any order.
    pub fn into_writes(self) -> impl Iterator<Item = (DocumentId, Write)> {
        self.writes.into_iter()
    }
}

impl Write {
    /// The stored form of a whole document.
    pub fn stored(self, id: &DocumentId) -> Document {
        let mut stored = doc! { "_id": id.to_bson() };
        stored.extend(self.fields);
        if let Some(stream) = self.origin.stream {
            stored.insert(STREAM, stream.as_str());
        }
        stored.insert(SEQ, int(self.origin.sequence));
        stored
    }

    /// Whether it is what stays of a document that was deleted.
    pub fn is_tombstone(&self) -> bool {
        self.whole && self.fields.contains_key(DELETED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn only(batch: Batch) -> Write {
        batch.into_writes().next().unwrap().1
    }

    #[test]
    fn changes_of_one_document_become_one_write() {
        let id = DocumentId::from(Uuid::from_u128(1));
        let mut batch = Batch::default();
        let doc = doc! { "a": 1_i64, "b": null };
        batch
            .add(
                Origin::alone(1),
                Change::Put {
                    id: id.clone(),
                    doc,
                },
            )
            .unwrap();
        let set = doc! { "a": 2_i64 };
        batch
            .add(
                Origin::alone(3),
                Change::Patch {
                    id: id.clone(),
                    set,
                },
            )
            .unwrap();
        assert_eq!(batch.ids().collect::<Vec<_>>(), std::slice::from_ref(&id));
        let stored = only(batch).stored(&id);
        assert_eq!(
            stored,
            doc! { "_id": id.to_bson(), "a": 2_i64, "b": null, "seq": 3_i64 }
        );
        assert_eq!(
            stored.keys().collect::<Vec<_>>(),
            ["_id", "a", "b", "seq"],
            "fields keep their places"
        );
    }

    #[test]
    fn a_later_whole_document_replaces_what_came_before() {
        let id = DocumentId::from(Uuid::from_u128(1));
        let mut batch = Batch::default();
        let set = doc! { "a": 2_i64, "x": 1_i64 };
        batch
            .add(
                Origin::alone(1),
                Change::Patch {
                    id: id.clone(),
                    set,
                },
            )
            .unwrap();
        let doc = doc! { "a": 3_i64 };
        batch
            .add(
                Origin::alone(2),
                Change::Put {
                    id: id.clone(),
                    doc,
                },
            )
            .unwrap();
        let write = only(batch);
        assert!(write.whole);
        assert_eq!(
            write.stored(&id),
            doc! { "_id": id.to_bson(), "a": 3_i64, "seq": 2_i64 }
        );
    }

    #[test]
    fn parts_of_a_document_stay_parts() {
        let id = DocumentId::from(Uuid::from_u128(1));
        let mut batch = Batch::default();
        for (seq, a) in [(1, 1_i64), (2, 2)] {
            let set = doc! { "a": a };
            batch
                .add(
                    Origin::alone(seq),
                    Change::Patch {
                        id: id.clone(),
                        set,
                    },
                )
                .unwrap();
        }
        let write = only(batch);
        assert!(!write.whole);
        assert_eq!(
            (write.origin.sequence, write.fields),
            (2, doc! { "a": 2_i64 })
        );
    }

    #[test]
    fn a_patch_does_not_restore_a_deleted_document() {
        let id = DocumentId::from("a");
        let mut batch = Batch::default();
        let doc = doc! { "a": 1_i64 };
        batch
            .add(
                Origin::alone(1),
                Change::Put {
                    id: id.clone(),
                    doc,
                },
            )
            .unwrap();
        assert!(!batch.deletes());
        batch
            .add(Origin::alone(2), Change::Delete { id: id.clone() })
            .unwrap();
        assert!(batch.deletes());
        let set = doc! { "a": 2_i64 };
        batch
            .add(
                Origin::alone(3),
                Change::Patch {
                    id: id.clone(),
                    set,
                },
            )
            .unwrap();
        let write = batch.writes[&id].clone();
        let tombstone = doc! { "_id": "a", "_deleted": true, "seq": 2_i64 };
        assert_eq!(write.stored(&id), tombstone);
        let doc = doc! { "a": 4_i64 };
        batch
            .add(
                Origin::alone(4),
                Change::Put {
                    id: id.clone(),
                    doc,
                },
            )
            .unwrap();
        assert!(!batch.deletes());
        assert_eq!(only(batch).fields, doc! { "a": 4_i64 });
    }

    #[test]
    fn a_document_is_of_one_stream() {
        let (a, b) = (StreamName::new("A"), StreamName::new("B"));
        let put = |id: &str| Change::Put {
            id: id.into(),
            doc: doc! { "a": 1_i64 },
        };
        let mut batch = Batch::default();
        let of = |stream| Origin::of(&[a, b], stream, 1);
        batch.add(of(a), put("x")).unwrap();
        batch.add(of(b), put("y")).unwrap();
        let error = batch.add(of(b), put("x")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "document \"x\" is of stream A, and a commit of B changes it; \
             expected one stream per document"
        );
        let write = batch.writes[&DocumentId::from("y")].clone();
        let stored = doc! { "_id": "y", "a": 1_i64, "_stream": "B", "seq": 1_i64 };
        assert_eq!(write.stored(&"y".into()), stored);
    }
}
