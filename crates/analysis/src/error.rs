//! The errors of queries on the log.

use eventstore::{StoreError, StreamName};
use std::time::Duration;

/// Why a query on the log failed. Each error names the place.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnalysisError {
    /// The log can't be read there: a gap, a commit or an event that this release can't read, or no
    /// server.
    #[error(transparent)]
    Log(#[from] StoreError),
    /// The range names a place that the log hasn't reached.
    #[error("{stream} ends at #{last}, so there is no #{sequence}")]
    PastEnd {
        /// The stream.
        stream: StreamName,
        /// The requested sequence.
        sequence: u64,
        /// The stream's last sequence; 0 when it is empty.
        last: u64,
    },
    /// The range ends before it begins.
    #[error("the range ends ({to}) before it begins ({from})")]
    InvertedRange {
        /// Its beginning, as given.
        from: String,
        /// Its end, as given.
        to: String,
    },
    /// The text is not an ID.
    #[error("{0:?} is neither a UUID nor an e-mail address")]
    NotAnId(String),
    /// No commit came for this long, so the connection counts as lost.
    #[error("{stream}: lost the connection after #{after}; nothing came for {waited:?}")]
    Lost {
        /// The stream.
        stream: StreamName,
        /// The last commit that arrived; 0 if none did.
        after: u64,
        /// The waiting time.
        waited: Duration,
    },
}

impl AnalysisError {
    /// Whether the log itself is damaged: unreadable or missing commits.
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
