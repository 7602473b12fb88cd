//! The reader of commits.

use futures_util::{Stream, StreamExt, stream};

use super::{
    follow::follow_until,
    holes::Holes,
    message::Messages,
    stored_message::{self, StoredMessage},
};
use crate::{Commit, StoreError, StreamName, connection::Connection};

/// Reads commits in the order of their streams. Obtained from [`Log::reader`](crate::Log::reader).
#[derive(Clone, Debug)]
pub struct Reader {
    connection: Connection,
}

impl Reader {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Returns every commit of a stream after a sequence, in order and without a gap, forever.
    ///
    /// The commits of one message follow one another, and [`Commit::is_last`] tells where it ends:
    /// only there is a sequence a place to continue from.
    ///
    /// Waits for lost connections and servers. An item is an error only if the log itself is faulty
    /// ([`StoreError::Hole`], [`StoreError::Unreadable`], [`StoreError::TailLost`]); the stream
    /// ends after it. Holes that an operator has acknowledged are passed over.
    ///
    /// With each new consumer it proves that the last commit it read still exists: otherwise it
    /// would follow a log that lost its tail and continued from behind the new commits, or wait
    /// until the log has grown by as much as it lost. That costs one message. Where nothing was
    /// read yet, `after` must not lie beyond the stream's end.
    pub fn follow(
        &self,
        stream: StreamName,
        after: u64,
    ) -> impl Stream<Item = Result<Commit, StoreError>> + Send + use<> {
        follow_until(&self.connection, stream, after, u64::MAX)
    }

    /// Returns the commits of a stream in a range of sequences (both included, counted from 1), in
    /// order and without a gap. Ends at the stream's current end if that comes first.
    ///
    /// # Errors
    /// When the log can't be reached at the start. Later items are errors as in [`Reader::follow`].
    pub async fn range(
        &self,
        stream: StreamName,
        from: u64,
        to: u64,
    ) -> Result<impl Stream<Item = Result<Commit, StoreError>> + Send + use<>, StoreError> {
        let end = self.connection.stream_end(stream).await?.min(to);
        // It ends with a readable commit. An empty range must not wait for a message that doesn't
        // exist, so it requests none.
        let until = self.holes().readable_up_to(stream, end).await?;
        Ok(follow_until(
            &self.connection,
            stream,
            from.max(1) - 1,
            until,
        ))
    }

    /// Returns all commits of several streams up to now, merged by the time at which they were
    /// stored.
    ///
    /// The order within a stream is exact. Between streams it depends on the servers' clocks: good
    /// for display, while causation IDs define causes.
    ///
    /// # Errors
    /// When the log can't be reached at the start. Later items are errors as in [`Reader::follow`].
    pub async fn merged(
        &self,
        streams: &[StreamName],
    ) -> Result<impl Stream<Item = Result<Commit, StoreError>> + Send + use<>, StoreError> {
        let mut heads = Vec::new();
        for stream in streams {
            let mut commits = Box::pin(self.range(*stream, 1, u64::MAX).await?);
            if let Some(first) = commits.next().await {
                heads.push((first?, commits));
            }
        }
        Ok(stream::try_unfold(heads, |mut heads| async move {
            let earliest = heads
                .iter()
                .enumerate()
                .min_by_key(|(_, (commit, _))| (commit.stored_at, commit.stream))
                .map(|(i, _)| i);
            let Some(i) = earliest else { return Ok(None) };
            let commit = match heads[i].1.next().await {
                Some(next) => std::mem::replace(&mut heads[i].0, next?),
                None => heads.swap_remove(i).0,
            };
            Ok(Some((commit, heads)))
        }))
    }

    /// Returns the commits of one message, by its place in the log: at least one, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] when there is no message, or none that can be read;
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn commits_at(
        &self,
        stream: StreamName,
        sequence: u64,
    ) -> Result<Vec<Commit>, StoreError> {
        let messages = Messages::of(&self.connection);
        messages.commits_at(stream, sequence).await
    }

    /// Returns the first commit of a message, by its place in the log.
    ///
    /// # Errors
    /// As [`Reader::commits_at`].
    pub async fn commit_at(&self, stream: StreamName, sequence: u64) -> Result<Commit, StoreError> {
        let missing = || StoreError::Unreadable {
            stream,
            sequence,
            why: "it holds no commit".to_owned(),
        };
        let commits = self.commits_at(stream, sequence).await?;
        commits.into_iter().next().ok_or_else(missing)
    }

    /// Returns the message at a place, even if it is no commit; `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn stored_message(
        &self,
        stream: StreamName,
        sequence: u64,
    ) -> Result<Option<StoredMessage>, StoreError> {
        stored_message::read(&self.connection, stream, sequence).await
    }

    /// The sequence of a stream's last message; 0 when the stream is empty. Holes that an operator
    /// has acknowledged aren't counted: no reader would ever reach them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn last_sequence(&self, stream: StreamName) -> Result<u64, StoreError> {
        self.holes().last_readable(stream).await
    }

    fn holes(&self) -> Holes {
        Holes::new(self.connection.clone())
    }
}
