//! Telling that something isn't there.

use eventstore::{Log, StreamName};
use std::time::Duration;

use super::{Progress, Source};
use crate::ReadError;

/// How long a miss waits for the read model to reach the end of the log.
const BOUND: Duration = Duration::from_millis(1_500);

impl Progress {
    /// As [`Progress::read`], for one thing that may stand in the log and not be here yet: a miss
    /// is told only after the read model reached what was the end of its stream when it was asked.
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
