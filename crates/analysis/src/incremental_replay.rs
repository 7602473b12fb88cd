//! Folds over the whole log, as it grows.

use chrono::{DateTime, Utc};
use eventstore::{Log, StreamName};
use std::collections::BTreeMap;
use tokio::task::yield_now;
use uuid::Uuid;

use crate::{
    AnalysisError, Fold, Range, Span, Table,
    replay::{PROGRESS_EVERY, apply_commit, streams_of},
};

/// Folds that go on where they were: first over the log as it is, then over what came since.
///
/// # Guarantees
///
/// Within a stream the folds see every commit once, in the stream's order. Between streams, they
/// see whatever came between two looks in order of time, and of what came later nothing: what a
/// commit refers to is never in a later look than the commit itself. A replay of the same range
/// orders all of it by time. That makes a difference only where clocks disagree with what really
/// came first, and there this one is right; everywhere else **the figures are those of
/// [`replay`](crate::replay())**, to the byte.
///
/// It has no place to go on from but the one in memory: after an error it is of no more use, and
/// another has to begin anew.
pub struct IncrementalReplay {
    log: Log,
    folds: Vec<Box<dyn Fold>>,
    streams: Vec<StreamName>,
    span: Option<Span>,
    /// The last commit of each stream that they have seen.
    last: BTreeMap<StreamName, (u64, Uuid)>,
    progress: ReplayProgress,
}

/// How far a [`IncrementalReplay`] is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayProgress {
    /// Commits that the folds have seen.
    pub commits: u64,
    /// Commits that there were when it was last looked.
    pub of: u64,
    /// The latest time of a commit that they have seen.
    pub newest: Option<DateTime<Utc>>,
}

impl IncrementalReplay {
    /// Folds that have seen nothing yet.
    pub fn new(log: &Log, folds: Vec<Box<dyn Fold>>) -> Self {
        Self {
            log: log.clone(),
            streams: streams_of(&folds),
            folds,
            span: None,
            last: BTreeMap::new(),
            progress: ReplayProgress::default(),
        }
    }

    /// Reads on to where the log ends now. Tells now and then that it is under way.
    ///
    /// # Errors
    /// When the log can't be read, ends before a place that it had already reached, or holds another
    /// commit there: it is another one then, or has lost its tail.
    pub async fn catch_up(
        &mut self,
        mut on_progress: impl FnMut(&mut Self),
    ) -> Result<ReplayProgress, AnalysisError> {
        let span = match &self.span {
            None => Range::all().resolve(&self.log, &self.streams).await?,
            Some(before) => span_since(&self.log, before).await?,
        };
        // A log that lost its tail and went on goes on from commits that weren't seen.
        let tails = self.log.tails();
        for (stream, (sequence, commit_id)) in &self.last {
            tails.still_stands(*stream, *sequence, *commit_id).await?;
        }
        self.progress.of = self.progress.commits + span.len();
        let mut commits = span.read(&self.log);
        self.span = Some(span);
        while let Some(commit) = commits.next().await {
            let commit = commit?;
            apply_commit(&commit, true, &mut self.folds)?;
            let last = (commit.sequence, commit.commit_id);
            self.last.insert(commit.stream, last);
            self.progress.commits += 1;
            self.progress.newest = self.progress.newest.max(Some(commit.metadata.time));
            if self.progress.commits.is_multiple_of(PROGRESS_EVERY) {
                on_progress(self);
                // A long log must not keep a thread from all others who need it.
                yield_now().await;
            }
        }
        Ok(self.progress)
    }

    /// How far it is.
    pub fn progress(&self) -> ReplayProgress {
        self.progress
    }

    /// The answers on what was seen until now, in the order of the folds.
    pub fn tables(&mut self) -> Vec<Table> {
        let folds = self.folds.iter_mut();
        folds.flat_map(|fold| fold.tables()).collect()
    }
}

async fn span_since(log: &Log, before: &Span) -> Result<Span, AnalysisError> {
    let news = before.appended_since(log).await?;
    for stream in before.streams() {
        let (sequence, last) = (before.end(stream), news.end(stream));
        if last < sequence {
            return Err(AnalysisError::PastEnd {
                stream,
                sequence,
                last,
            });
        }
    }
    Ok(news)
}
