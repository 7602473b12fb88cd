//! What can go wrong in a store of documents.

use std::{error::Error, sync::Arc};

use crate::store::OwnedByAnother;

/// What a store reports, whichever it is.
pub type StoreSource = Arc<dyn Error + Send + Sync>;

/// A store didn't do what it was asked for.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadStoreError {
    /// It can't be reached, or can't do it just now. That passes by itself.
    #[error("{store}: {source}")]
    Unavailable {
        /// Which store.
        store: &'static str,
        /// What it reports.
        source: StoreSource,
    },
    /// It gave no answer within the bound. That passes by itself.
    #[error("{store} did not answer in time")]
    Slow {
        /// Which store.
        store: &'static str,
    },
    /// The collection isn't the one that was meant: it was dropped, or another took its place.
    #[error("the collection was replaced")]
    Replaced,
    /// A document is of another stream than the commit that writes it.
    #[error(transparent)]
    OwnedByAnother(#[from] OwnedByAnother),
    /// The user of this process may not do that.
    #[error("{store}: {source}")]
    Forbidden {
        /// Which store.
        store: &'static str,
        /// What it reports.
        source: StoreSource,
    },
    /// It refused, and would refuse again: what it was asked for is wrong, or what it holds is.
    #[error("{store}: {source}")]
    Refused {
        /// Which store.
        store: &'static str,
        /// What it reports.
        source: StoreSource,
    },
}

impl ReadStoreError {
    /// Whether repeating may succeed without anyone's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Slow { .. } | Self::Replaced => true,
            Self::OwnedByAnother(_) | Self::Forbidden { .. } | Self::Refused { .. } => false,
        }
    }
}
