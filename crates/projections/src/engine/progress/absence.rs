//! Reads that must not report an absence too early.

use eventstore::{Log, StoreError, StreamName};
use std::time::Duration;

use super::{Progress, ReadFrom};
use crate::{Position, ReadError};

/// How long a read waits for the read model to reach the end of the log before it reports an
/// absence.
const BOUND: Duration = Duration::from_millis(1_500);

/// The ends of streams, as far as they can be read.
pub(crate) async fn ends_of(log: &Log, streams: &[StreamName]) -> Result<Position, StoreError> {
    let reader = log.reader();
    let mut ends = Position::default();
    for stream in streams {
        ends.raise(*stream, reader.last_sequence(*stream).await?);
    }
    Ok(ends)
}

impl Progress {
    /// Like [`Progress::read`], for one item that may be in the log and not here yet: an absence is
    /// reported only after the read model reached the streams' ends as of this call.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] within 4 s.
    pub async fn find<T, F, Fut>(&self, log: &Log, load: F) -> Result<Option<T>, ReadError>
    where
        F: Fn(ReadFrom) -> Fut,
        Fut: Future<Output = Result<Option<T>, ReadError>>,
    {
        if let Some(found) = self.read(&load).await? {
            return Ok(Some(found));
        }
        let end = ends_of(log, &self.inner.streams).await?;
        if !self.wait_until(&end, BOUND).await {
            return Err(ReadError::unavailable(self.behind(&end)));
        }
        self.read(load).await
    }
}
