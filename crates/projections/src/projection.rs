//! The definition of a projection.

use eventstore::{Commit, StreamName};
use mongodb::bson::{Document, doc};

use crate::{DocumentId, FoldError};

/// A read model: a pure fold of one or more streams into documents.
///
/// The same streams always result in the same documents, byte for byte, however the commits were
/// batched, repeated or interrupted, because:
///
/// - [`Projection::fold`] sees one commit and nothing else: no clock, no database, no memory.
/// - A document has all its fields from its creation on (`null` for values that do not exist yet),
///   so a change never adds one: a field that is added later is last, and its place would depend on
///   the batching.
/// - Changes state the new value of a field, never a difference.
pub trait Projection: Send + Sync + 'static {
    /// Its name, and the first part of its collection's name.
    fn name(&self) -> &'static str;

    /// Its version. Raise it whenever the same events result in other documents or need another
    /// index: the new version fills a collection of its own while the old one still serves.
    fn version(&self) -> u32;

    /// The streams that it folds: one, several kinds of commits, or the partitions of one kind. Each
    /// is folded in its own order; between streams there is none, so a document is of one stream, and
    /// a commit of another that changes it halts the projection. (What brings two streams together
    /// in one document would depend on which is read first, and could not be replayed.)
    ///
    /// Raise the [version](Self::version) when they change.
    fn streams(&self) -> Vec<StreamName>;

    /// The indexes that its queries need.
    fn indexes(&self) -> Vec<Index>;

    /// Returns the changes of one commit.
    ///
    /// # Errors
    /// When the commit can't be read. This halts the projection.
    fn fold(&self, commit: &Commit) -> Result<Vec<Change>, FoldError>;

    /// Name and version in one: the name of the serving collection.
    fn key(&self) -> String {
        key_of(self.name(), self.version())
    }
}

/// Name and version in one.
pub(crate) fn key_of(name: &str, version: u32) -> String {
    format!("{name}_v{version}")
}

/// The name of the collection that a rebuild fills.
pub(crate) fn rebuilt_key(key: &str) -> String {
    format!("{key}_rebuild")
}

/// A change to one document.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The whole document from now on. The runner adds `_id` and `seq`.
    Put {
        /// Its id.
        id: DocumentId,
        /// All its fields.
        doc: Document,
    },
    /// The new values of these fields. A document that doesn't exist stays absent.
    Patch {
        /// Its id.
        id: DocumentId,
        /// The fields; the document already has each of them.
        set: Document,
    },
    /// The document is gone from now on. A later `Put` makes another under the same id.
    ///
    /// What stays is a tombstone: the id, `seq` and the field `_deleted`. A writer that was held up, and
    /// doesn't know yet that another took over, would otherwise bring the document back: to its
    /// late `Put`, a document that was deleted looks like one that never was. With the tombstone,
    /// the guard of all writes refuses it like any other write that is older than what is there.
    ///
    /// A tombstone may go when no process can write anything older. No clock says when that is,
    /// because a process can be stopped for hours in the middle of a write. A rebuild does: its new
    /// collection has an identity of its own, which no writer of the old one names, and those who
    /// filled it name it by a name that it doesn't have any more. So tombstones are thrown away when
    /// a rebuilt collection has taken over.
    ///
    /// Queries have to leave tombstones out: those that ask for a value of a field do, and the others
    /// say so by [`undeleted`].
    Delete {
        /// Its id.
        id: DocumentId,
    },
}

/// The field that only tombstones have.
pub(crate) const DELETED: &str = "_deleted";

/// Adds to a filter that it matches no document that was deleted, for queries that would match
/// documents without any field: those of an id, or of everything.
pub fn undeleted(mut filter: Document) -> Document {
    filter.insert(DELETED, doc! { "$exists": false });
    filter
}

/// An index of a projection's collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    /// Its name, unique in the collection.
    pub name: &'static str,
    /// Fields and directions, in MongoDB's form.
    pub keys: Document,
    /// The documents that it contains, if not all. A query must have the same condition to use it.
    pub only: Option<Document>,
}
