//! Why a question has no answer.

use eventstore::{StoreError, StreamName};
use std::time::Duration;

/// A question to the log that could not be answered. Each names the place where it failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnalysisError {
    /// The log can't be read there: a gap, a commit or an event that this release can't read, or
    /// no server.
    #[error(transparent)]
    Log(#[from] StoreError),
    /// The range names a place that the log hasn't reached.
    #[error("{stream} ends at #{last}, so there is no #{sequence}")]
    PastEnd {
        /// The stream.
        stream: StreamName,
        /// The sequence that was asked for.
        sequence: u64,
        /// The stream's last sequence; 0 when it is empty.
        last: u64,
    },
    /// The range ends before it begins.
    #[error("the range ends ({to}) before it begins ({from})")]
    InvertedRange {
        /// Its beginning, as it was given.
        from: String,
        /// Its end, as it was given.
        to: String,
    },
    /// The text is no id.
    #[error("{0:?} is neither a UUID nor an e-mail address")]
    NotAnId(String),
    /// Nothing came for so long that the connection counts as lost.
    #[error("{stream}: lost the connection after #{after}; nothing came for {waited:?}")]
    Lost {
        /// The stream.
        stream: StreamName,
        /// The last commit that arrived; 0 if none did.
        after: u64,
        /// How long was waited.
        waited: Duration,
    },
}

impl AnalysisError {
    /// Whether the log itself is at fault: it holds something that can't be read, or lacks
    /// something.
    pub fn is_fault_of_the_log(&self) -> bool {
        matches!(
            self,
            Self::Log(
                StoreError::Unreadable { .. }
                    | StoreError::UnsupportedSchema { .. }
                    | StoreError::Gap { .. }
                    | StoreError::Hole { .. }
                    | StoreError::HistoryLost { .. }
                    | StoreError::StreamMissing { .. }
            )
        )
    }

    /// Whether a server couldn't be reached, or not for long enough.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Lost { .. } => true,
            Self::Log(error) => error.is_transient(),
            _ => false,
        }
    }
}
