//! Changes in a read model, and the caches that they invalidate.

use std::{collections::HashSet, sync::Arc};

use crate::{DocumentId, Position};

/// Documents that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// These.
    Some(Arc<HashSet<DocumentId>>),
    /// Possibly all of them.
    Any,
}

/// A step of a read model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The commits that are now applied.
    pub to: Position,
    /// The documents that changed.
    pub changed: Changed,
}

/// Receives changes after the documents are written and before they are announced: the cached
/// documents must be gone when it returns.
pub trait Invalidate: Send + Sync {
    /// Drops what changed.
    fn forget(&self, changed: &Changed);
}
