//! Merges many changes into few writes.

use mongodb::bson::{Document, doc};
use std::collections::HashMap;
use uuid::Uuid;

use crate::{
    Change,
    bson_values::{int, uuid},
};

/// The field with the sequence of the commit that a document reflects.
pub(crate) const SEQ: &str = "seq";

/// The changes of a run of commits, merged to at most one write per document.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    writes: HashMap<Uuid, Write>,
}

/// The write to one document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Write {
    /// Sequence of the last commit that is merged into it.
    pub seq: u64,
    /// Whether `fields` is the whole document (less `_id` and `seq`) or a part of it.
    pub whole: bool,
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
            Change::Patch { id, set } => {
                let write = self.writes.entry(id).or_insert_with(|| Write {
                    seq,
                    whole: false,
                    fields: Document::new(),
                });
                write.seq = seq;
                // Inserting over an existing field keeps its place.
                write.fields.extend(set);
            }
        }
    }

    pub fn ids(&self) -> impl Iterator<Item = Uuid> {
        self.writes.keys().copied()
    }

    pub fn into_writes(self) -> impl Iterator<Item = (Uuid, Write)> {
        self.writes.into_iter()
    }
}

impl Write {
    /// The stored form of a whole document.
    pub fn stored(self, id: Uuid) -> Document {
        let mut stored = doc! { "_id": uuid(id) };
        stored.extend(self.fields);
        stored.insert(SEQ, int(self.seq));
        stored
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(batch: Batch) -> Write {
        batch.into_writes().next().unwrap().1
    }

    #[test]
    fn changes_of_one_document_become_one_write() {
        let id = Uuid::from_u128(1);
        let mut batch = Batch::default();
        let doc = doc! { "a": 1_i64, "b": null };
        batch.add(1, Change::Put { id, doc });
        let set = doc! { "a": 2_i64 };
        batch.add(3, Change::Patch { id, set });
        assert_eq!(batch.ids().collect::<Vec<_>>(), [id]);
        let stored = only(batch).stored(id);
        assert_eq!(
            stored,
            doc! { "_id": uuid(id), "a": 2_i64, "b": null, "seq": 3_i64 }
        );
        assert_eq!(
            stored.keys().collect::<Vec<_>>(),
            ["_id", "a", "b", "seq"],
            "fields keep their places"
        );
    }

    #[test]
    fn a_later_whole_document_replaces_what_came_before() {
        let id = Uuid::from_u128(1);
        let mut batch = Batch::default();
        let set = doc! { "a": 2_i64, "x": 1_i64 };
        batch.add(1, Change::Patch { id, set });
        let doc = doc! { "a": 3_i64 };
        batch.add(2, Change::Put { id, doc });
        let write = only(batch);
        assert!(write.whole);
        assert_eq!(
            write.stored(id),
            doc! { "_id": uuid(id), "a": 3_i64, "seq": 2_i64 }
        );
    }

    #[test]
    fn parts_of_a_document_stay_parts() {
        let id = Uuid::from_u128(1);
        let mut batch = Batch::default();
        for (seq, a) in [(1, 1_i64), (2, 2)] {
            let set = doc! { "a": a };
            batch.add(seq, Change::Patch { id, set });
        }
        let write = only(batch);
        assert!(!write.whole);
        assert_eq!((write.seq, write.fields), (2, doc! { "a": 2_i64 }));
    }
}
