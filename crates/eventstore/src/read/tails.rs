//! Knowing whether the log lost its tail.

use tokio::sync::watch;
use uuid::Uuid;

use super::standing::check_still_stands;
use crate::{
    StoreError, StreamName,
    connection::{CommitPlace, Connection},
};

/// The ends of the streams. Obtained from [`Log::tails`](crate::Log::tails).
#[derive(Clone, Debug)]
pub struct Tails {
    connection: Connection,
}

impl Tails {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Counts the tails of streams that were found to be lost. Whoever keeps something of the log
    /// in memory looks at it again when this changes.
    pub fn losses(&self) -> watch::Receiver<u64> {
        self.connection.tails().losses()
    }

    /// How many tails a stream has lost since this process began: an epoch of the log. What was
    /// kept of the stream in an earlier one counts no more.
    pub fn epoch(&self, stream: StreamName) -> u64 {
        self.connection.tails().epoch(stream)
    }

    /// Follows [`Tails::epoch`].
    pub fn epochs(&self, stream: StreamName) -> watch::Receiver<u64> {
        self.connection.tails().epochs(stream)
    }

    /// Has the ends of the streams looked at soon: another process reported that one was lost.
    pub fn doubt(&self) {
        self.connection.tails().doubt();
    }

    /// Shows that a commit still stands where it was seen: that the log lost no tail since, be it
    /// that it ends before, or that it went on differently.
    ///
    /// # Errors
    /// [`StoreError::TailLost`] when it doesn't; [`StoreError::Unavailable`] when NATS can't be
    /// reached.
    pub async fn still_stands(
        &self,
        stream: StreamName,
        sequence: u64,
        commit_id: Uuid,
    ) -> Result<(), StoreError> {
        let commit_id = Some(commit_id);
        let place = CommitPlace {
            stream,
            sequence,
            commit_id,
        };
        check_still_stands(&self.connection, place).await
    }

    /// Shows that a stream has come as far as a sequence, as [`Tails::still_stands`] does where it
    /// isn't known which commit is to be there.
    ///
    /// # Errors
    /// As [`Tails::still_stands`].
    pub async fn still_reaches(&self, stream: StreamName, sequence: u64) -> Result<(), StoreError> {
        let place = CommitPlace {
            stream,
            sequence,
            commit_id: None,
        };
        check_still_stands(&self.connection, place).await
    }
}
