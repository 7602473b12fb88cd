//! The errors of reads and of folding.

use eventstore::{Commit, StoreError, StreamName};
use std::{borrow::Cow, error::Error, sync::Arc, time::Duration};

use crate::{OwnedByAnother, ReadStoreError};

/// Why a query can't be answered.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The database can't be reached, or the read model has not yet applied all acknowledged
    /// commits. Both are transient. The text is for logs, not for clients.
    #[error("the read model is unavailable: {what}{}", because(source.as_deref()))]
    Unavailable {
        /// The operation, or what it lacks.
        what: Cow<'static, str>,
        /// The store's error.
        #[source]
        source: Option<Arc<dyn Error + Send + Sync>>,
    },
    /// The log can't be read, and that is permanent.
    #[error("the read model can't be compared with the log: {0}")]
    Log(#[source] StoreError),
    /// The store refuses, and that doesn't pass by itself.
    #[error("the read model can't be read: {0}")]
    Store(#[source] ReadStoreError),
    /// The address of the database can't be used.
    #[error("{0}")]
    Address(String),
    /// This query did not issue the cursor.
    #[error("the cursor is not one of this list")]
    BadCursor,
    /// A stored document has a different form than this release writes. The text is for logs, not
    /// for clients.
    #[error("the read model is damaged: {0}")]
    Damaged(String),
}

impl ReadError {
    /// An outage without a known source.
    pub(crate) fn unavailable(what: impl Into<Cow<'static, str>>) -> Self {
        Self::Unavailable {
            what: what.into(),
            source: None,
        }
    }

    fn unavailable_by(what: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable {
            what: what.into(),
            source: Some(Arc::from(source.into())),
        }
    }

    /// Whether repeating may succeed without anyone's help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// Returns after how long to retry, for transient faults.
    pub fn retry_after(&self) -> Option<Duration> {
        self.is_transient().then_some(Duration::from_secs(1))
    }
}

impl From<ReadStoreError> for ReadError {
    fn from(error: ReadStoreError) -> Self {
        if error.is_transient() {
            Self::unavailable_by("asking the read store", error)
        } else {
            Self::Store(error)
        }
    }
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        if error.is_transient() {
            Self::unavailable_by("asking the log", error)
        } else {
            Self::Log(error)
        }
    }
}

impl From<RunnerError> for ReadError {
    fn from(error: RunnerError) -> Self {
        match error {
            RunnerError::Store(error) => error.into(),
            RunnerError::Log(error) => error.into(),
            error if error.is_transient() => Self::unavailable_by("asking the read store", error),
            error => Self::Damaged(error.to_string()),
        }
    }
}

/// Why a commit can't be folded into a read model.
///
/// It halts the projection: a read model that skips an event is wrong, and no one would notice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{stream}#{sequence}: {why}")]
pub struct FoldError {
    /// Stream of the commit.
    pub stream: StreamName,
    /// Its sequence in that stream.
    pub sequence: u64,
    /// What is wrong with it.
    pub why: String,
}

impl FoldError {
    /// A fault of this commit.
    pub fn of(commit: &Commit, why: String) -> Self {
        Self {
            stream: commit.stream,
            sequence: commit.sequence,
            why,
        }
    }
}

/// Why a runner stops folding. Transient and permanent errors are distinguished, because the first
/// are retried and the second need an operator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunnerError {
    #[error(transparent)]
    Store(ReadStoreError),
    /// A task of this process ended unexpectedly.
    #[error("{0}")]
    Broken(String),
    /// The collection isn't the one in the checkpoint: it was dropped or replaced.
    #[error("the collection was replaced")]
    Replaced,
    #[error(transparent)]
    Log(StoreError),
    /// The last writes may be gone.
    #[error("MongoDB was away for a moment")]
    Fault,
    /// This release can't fold a commit. Another release may be able to.
    #[error("{0}")]
    Unfoldable(String),
    /// The log's server has lost commits, and no operator has acknowledged that yet.
    #[error("{}", StoreError::Hole { stream: *stream, first: *first, last: *last })]
    Hole {
        stream: StreamName,
        first: u64,
        last: u64,
    },
    /// The log lost the last folded commits. The model is rebuilt from those that are left.
    #[error("{0}")]
    TailLost(String),
    /// The log isn't the one that was folded. It stays so until the read model is rebuilt.
    #[error("{0}")]
    Diverged(String),
}

impl RunnerError {
    /// Whether to wait for an operator instead of trying again.
    pub fn halts(&self) -> bool {
        matches!(
            self,
            Self::Unfoldable(_) | Self::Hole { .. } | Self::Diverged(_)
        )
    }

    /// Whether trying again is enough: a server was down or slow.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => error.is_transient(),
            Self::Log(error) => error.is_transient(),
            Self::Replaced | Self::Fault => true,
            Self::Broken(_)
            | Self::Unfoldable(_)
            | Self::Hole { .. }
            | Self::TailLost(_)
            | Self::Diverged(_) => false,
        }
    }
}

impl From<StoreError> for RunnerError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unreadable { .. }
            | StoreError::UnsupportedSchema { .. }
            | StoreError::Gap { .. } => Self::Unfoldable(error.to_string()),
            StoreError::Hole {
                stream,
                first,
                last,
            } => Self::Hole {
                stream,
                first,
                last,
            },
            StoreError::TailLost { .. } => Self::TailLost(error.to_string()),
            error => Self::Log(error),
        }
    }
}

impl From<ReadStoreError> for RunnerError {
    fn from(error: ReadStoreError) -> Self {
        match error {
            ReadStoreError::Replaced => Self::Replaced,
            ReadStoreError::OwnedByAnother(error) => error.into(),
            error => Self::Store(error),
        }
    }
}

/// The projection is wrong, and folding on would depend on which stream is read first.
impl From<OwnedByAnother> for RunnerError {
    fn from(error: OwnedByAnother) -> Self {
        Self::Unfoldable(error.to_string())
    }
}

impl From<FoldError> for RunnerError {
    fn from(error: FoldError) -> Self {
        Self::Unfoldable(error.to_string())
    }
}

fn because(source: Option<&(dyn Error + Send + Sync)>) -> String {
    source.map_or_else(String::new, |source| format!(": {source}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_the_log_is_an_outage_only_if_it_passes() {
        let away = ReadError::from(StoreError::unavailable("not connected to NATS"));
        assert_eq!(
            away.to_string(),
            "the read model is unavailable: asking the log: \
             the event log is unavailable: not connected to NATS"
        );
        assert!(away.is_transient() && away.source().is_some());
        let wrong = ReadError::from(StoreError::Rejected("no".to_owned()));
        assert!(!wrong.is_transient(), "{wrong}");
        assert_eq!(wrong.retry_after(), None);
        assert!(wrong.source().is_some());
    }

    #[test]
    fn what_a_runner_met_is_reported_as_what_it_is() {
        let store = "MongoDB";
        let slow = RunnerError::from(ReadStoreError::Slow { store });
        assert!(slow.is_transient() && ReadError::from(slow).is_transient());
        let broken = ReadError::from(RunnerError::Broken("a task ended".to_owned()));
        assert!(!broken.is_transient(), "{broken}");
    }

    #[test]
    fn what_a_runner_met_passes_only_if_it_does_so_where_it_came_from() {
        let away = RunnerError::from(StoreError::unavailable("not connected to NATS"));
        assert!(away.is_transient() && !away.halts(), "{away}");
        let wrong = RunnerError::from(StoreError::Rejected("no".to_owned()));
        assert!(!wrong.is_transient() && !wrong.halts(), "{wrong}");
        let (store, source) = ("MongoDB", Arc::new(TooLarge));
        let refused = RunnerError::from(ReadStoreError::Refused { store, source });
        assert!(
            !refused.is_transient() && refused.source().is_some(),
            "{refused}"
        );
        let replaced = RunnerError::from(ReadStoreError::Replaced);
        assert!(matches!(replaced, RunnerError::Replaced));
    }

    #[derive(Debug, thiserror::Error)]
    #[error("too large")]
    struct TooLarge;
}
