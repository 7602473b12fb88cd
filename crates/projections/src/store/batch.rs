//! Many changes as few writes.

use mongodb::bson::{Document, doc};
use std::collections::HashMap;

use crate::{Change, DocumentId, bson_values::int, projection::DELETED};

/// The field with the sequence of the commit that a document reflects.
pub(crate) const SEQ: &str = "seq";

/// The changes of a run of commits, merged to at most one write per document.
#[derive(Debug, Default)]
pub struct Batch {
    writes: HashMap<DocumentId, Write>,
}

/// The write to one document.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Sequence of the last commit that is merged into it.
    pub seq: u64,
    /// Whether `fields` is the whole document (less `_id` and `seq`) or a part of it.
    pub whole: bool,
    /// Fields and what they become, in their order.
    pub fields: Document,
}

impl Batch {
    /// Merges a change from the commit at `seq`, which is the newest so far.
    pub fn add(&mut self, seq: u64, change: Change) {
        match change {
            Change::Put { id, doc } => {
                let write = Write {
                    seq,
                    whole: true,
                    fields: doc,
                };
                self.writes.insert(id, write);
            }
            // A whole document like any other, for everything that writes it.
            Change::Delete { id } => {
                let tombstone = Write {
                    seq,
                    whole: true,
                    fields: doc! { DELETED: true },
                };
                self.writes.insert(id, tombstone);
            }
            Change::Patch { id, set } => {
                let write = self.writes.entry(id).or_insert_with(|| Write {
                    seq,
                    whole: false,
                    fields: Document::new(),
                });
                if write.is_tombstone() {
                    return;
                }
                write.seq = seq;
                // Inserting over an existing field keeps its place.
                write.fields.extend(set);
            }
        }
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
        stored.insert(SEQ, int(self.seq));
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
        batch.add(
            1,
            Change::Put {
                id: id.clone(),
                doc,
            },
        );
        let set = doc! { "a": 2_i64 };
        batch.add(
            3,
            Change::Patch {
                id: id.clone(),
                set,
            },
        );
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
        batch.add(
            1,
            Change::Patch {
                id: id.clone(),
                set,
            },
        );
        let doc = doc! { "a": 3_i64 };
        batch.add(
            2,
            Change::Put {
                id: id.clone(),
                doc,
            },
        );
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
            batch.add(
                seq,
                Change::Patch {
                    id: id.clone(),
                    set,
                },
            );
        }
        let write = only(batch);
        assert!(!write.whole);
        assert_eq!((write.seq, write.fields), (2, doc! { "a": 2_i64 }));
    }

    #[test]
    fn what_was_deleted_takes_no_part_and_only_a_whole_document_takes_its_place() {
        let id = DocumentId::from("a");
        let mut batch = Batch::default();
        let doc = doc! { "a": 1_i64 };
        batch.add(
            1,
            Change::Put {
                id: id.clone(),
                doc,
            },
        );
        assert!(!batch.deletes());
        batch.add(2, Change::Delete { id: id.clone() });
        assert!(batch.deletes());
        let set = doc! { "a": 2_i64 };
        batch.add(
            3,
            Change::Patch {
                id: id.clone(),
                set,
            },
        );
        let write = batch.writes[&id].clone();
        let tombstone = doc! { "_id": "a", "_deleted": true, "seq": 2_i64 };
        assert_eq!(write.stored(&id), tombstone);
        let doc = doc! { "a": 4_i64 };
        batch.add(
            4,
            Change::Put {
                id: id.clone(),
                doc,
            },
        );
        assert!(!batch.deletes());
        assert_eq!(only(batch).fields, doc! { "a": 4_i64 });
    }
}
