//! What a projection is.

use eventstore::{Commit, StreamName};
use mongodb::bson::Document;
use uuid::Uuid;

use crate::FoldError;

/// A read model: a pure fold of one stream into documents.
///
/// The same stream always gives the same documents, byte for byte, however the commits were
/// batched, repeated or interrupted. What makes it so:
///
/// - [`Projection::fold`] sees one commit and nothing else: no clock, no database, no memory.
/// - A document has all its fields from its creation on (`null` where there is nothing yet), so a
///   change never adds one: a field that is added later stands at the end, and where it stands
///   would depend on the batching.
/// - Changes say what a field *is* afterwards, never by how much it changes.
pub trait Projection: Send + Sync + 'static {
    /// Its name, and the first part of its collection's name.
    fn name(&self) -> &'static str;

    /// Its version. Raise it whenever the same events give other documents or need another index:
    /// the new version fills a collection of its own while the old one still serves.
    fn version(&self) -> u32;

    /// The stream that it folds.
    fn stream(&self) -> StreamName;

    /// The indexes that its queries need.
    fn indexes(&self) -> Vec<Index>;

    /// The changes that follow from one commit.
    ///
    /// # Errors
    /// When the commit can't be read. This halts the projection.
    fn fold(&self, commit: &Commit) -> Result<Vec<Change>, FoldError>;

    /// Name and version as one: the name of the collection that serves.
    fn key(&self) -> String {
        key_of(self.name(), self.version())
    }
}

/// Name and version as one.
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
    /// The document is this from now on. `_id` and `seq` are added by the runner.
    Put {
        /// Its id.
        id: Uuid,
        /// All its fields.
        doc: Document,
    },
    /// These fields have these values from now on. A document that isn't there stays absent.
    Patch {
        /// Its id.
        id: Uuid,
        /// The fields; the document has each of them already.
        set: Document,
    },
}

/// An index of a projection's collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    /// Its name, unique in the collection.
    pub name: &'static str,
    /// Fields and directions, as MongoDB takes them.
    pub keys: Document,
    /// Which documents it holds, if not all. A query must ask for the same to be able to use it.
    pub only: Option<Document>,
}
