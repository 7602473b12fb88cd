//! Reads that must not report an absence too early.

use eventstore::{Log, StreamName};
use std::time::Duration;

use super::{Progress, Source};
use crate::ReadError;

/// How long a read waits for the read model to reach the end of the log before it reports an
/// absence.
const BOUND: Duration = Duration::from_millis(1_500);

impl Progress {
    /// Like [`Progress::read`], for one item that may be in the log and not here yet: an absence is
    /// reported only after the read model reached the stream's end as of this call.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] within 4 s.
    pub async fn find<T, F, Fut>(
        &self,
        log: &Log,
        stream: StreamName,
        load: F,
    ) -> Result<Option<T>, ReadError>
    where
        F: Fn(Source) -> Fut,
        Fut: Future<Output = Result<Option<T>, ReadError>>,
    {
        if let Some(found) = self.read(&load).await? {
            return Ok(Some(found));
        }
        let end = log.reader().last_sequence(stream).await?;
        if !self.wait_for(end, BOUND).await {
            let (name, applied) = (&self.inner.name, self.applied());
            return Err(ReadError::unavailable(format!(
                "{name}: applied {applied} of {end} commits"
            )));
        }
        self.read(load).await
    }
}
