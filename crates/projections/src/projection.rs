//! The definition of a projection.

use eventstore::{Commit, StreamName};
use mongodb::bson::Document;
use uuid::Uuid;

use crate::FoldError;

/// A read model: a pure fold of one stream into documents.
///
/// The same stream always results in the same documents, byte for byte, however the commits were
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

    /// The stream that it folds.
    fn stream(&self) -> StreamName;

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
        id: Uuid,
        /// All its fields.
        doc: Document,
    },
    /// The new values of these fields. A document that doesn't exist stays absent.
    Patch {
        /// Its id.
        id: Uuid,
        /// The fields; the document already has each of them.
        set: Document,
    },
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
