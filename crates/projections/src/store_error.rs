//! What can go wrong in a store of documents.

use eventstore::StreamName;
use std::{error::Error, sync::Arc};

use crate::DocumentId;

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

/// A commit would change a document of another stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "document \"{id}\" is of stream {owner}, and a commit of {stream} changes it; expected one stream per document"
)]
pub struct OwnedByAnother {
    /// The document.
    pub id: DocumentId,
    /// Its stream.
    pub owner: String,
    /// The stream of the commit.
    pub stream: StreamName,
}

impl OwnedByAnother {
    /// An error if a document of `owner` isn't one of the stream that writes it.
    pub(crate) fn check(
        id: &DocumentId,
        stream: Option<StreamName>,
        owner: Option<&str>,
    ) -> Result<(), Self> {
        match (stream, owner) {
            (Some(stream), Some(owner)) if stream.as_str() != owner => Err(Self {
                id: id.clone(),
                owner: owner.to_owned(),
                stream,
            }),
            _ => Ok(()),
        }
    }
}
