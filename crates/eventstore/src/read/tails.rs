//! Reports whether the log lost its tail.

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

    /// Counts the lost tails of all streams. Code that keeps state of the log in memory checks it
    /// again when this changes.
    pub fn losses(&self) -> watch::Receiver<u64> {
        self.connection.tails().losses()
    }

    /// Number of tails that a stream has lost since this process began: the epoch of the log. State
    /// from an earlier epoch is no longer valid.
    pub fn epoch(&self, stream: StreamName) -> u64 {
        self.connection.tails().epoch(stream)
    }

    /// Follows [`Tails::epoch`].
    pub fn epochs(&self, stream: StreamName) -> watch::Receiver<u64> {
        self.connection.tails().epochs(stream)
    }

    /// Requests a check of the streams' ends: another process reported that one was lost.
    pub fn doubt(&self) {
        self.connection.tails().doubt();
    }

    /// Proves that a commit still exists where it was seen: that the log lost no tail since, so it
    /// neither ends earlier nor continued differently.
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

    /// Proves that a stream has reached a sequence, like [`Tails::still_stands`] where the ID of
    /// the commit is unknown.
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
