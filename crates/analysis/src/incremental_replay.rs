//! A fold over the whole log while it grows.

use chrono::{DateTime, Utc};
use eventstore::{Log, StreamName};
use std::collections::BTreeMap;
use tokio::task::yield_now;
use uuid::Uuid;

use crate::{
    AnalysisError, Fold, Range, ResolvedRange,
    replay::{PROGRESS_EVERY, apply_commit},
};

/// A replay that continues: first over the log as it is, then over the commits that were appended
/// since.
///
/// # Guarantees
///
/// Within a stream the fold sees every commit once, in the stream's order. Between streams, it sees
/// the commits that were appended between two calls in order of time, and none that are appended
/// later: the commits that a commit refers to are never in a later call than the commit itself. A
/// replay of the same range orders all of it by time. That makes a difference only where clocks
/// contradict the actual order, and there this one is right; everywhere else **the figures are
/// those of [`replay`](crate::replay())**, to the byte.
///
/// Its position is only in memory: after an error it is unusable, and a new one has to start from
/// the beginning.
pub struct IncrementalReplay<F> {
    log: Log,
    fold: F,
    span: Option<ResolvedRange>,
    /// The last commit of each stream that the fold has seen.
    last: BTreeMap<StreamName, (u64, Uuid)>,
    progress: ReplayProgress,
}

/// The progress of an [`IncrementalReplay`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayProgress {
    /// Commits that the fold has seen.
    pub commits: u64,
    /// Commits in the log at the last call.
    pub of: u64,
    /// The latest time of a commit that the fold has seen.
    pub newest: Option<DateTime<Utc>>,
}

impl<F: Fold> IncrementalReplay<F> {
    /// Starts with a fold that has seen no event yet.
    pub fn new(log: &Log, fold: F) -> Self {
        Self {
            log: log.clone(),
            fold,
            span: None,
            last: BTreeMap::new(),
            progress: ReplayProgress::default(),
        }
    }

    /// Reads up to the current end of the log. Calls `on_progress` at intervals.
    ///
    /// # Errors
    /// When the log can't be read, ends before a place that was already read, or has another commit
    /// there: it is then another log, or has lost its tail.
    pub async fn catch_up(
        &mut self,
        mut on_progress: impl FnMut(&mut Self),
    ) -> Result<ReplayProgress, AnalysisError> {
        let span = match &self.span {
            None => ResolvedRange::resolve(&Range::all(), &self.log, self.fold.streams()).await?,
            Some(before) => span_since(&self.log, before).await?,
        };
        // A log that lost its tail continues after commits that weren't read here.
        let tails = self.log.tails();
        for (stream, (sequence, commit_id)) in &self.last {
            tails.still_stands(*stream, *sequence, *commit_id).await?;
        }
        self.progress.of = self.progress.commits + span.len();
        let mut commits = span.read(&self.log);
        self.span = Some(span);
        while let Some(commit) = commits.next().await {
            let commit = commit?;
            apply_commit(&commit, true, &mut self.fold)?;
            let last = (commit.sequence, commit.commit_id);
            self.last.insert(commit.stream, last);
            self.progress.commits += 1;
            self.progress.newest = self.progress.newest.max(Some(commit.metadata.time));
            if self.progress.commits.is_multiple_of(PROGRESS_EVERY) {
                on_progress(self);
                // A long log must not keep a thread from other tasks.
                yield_now().await;
            }
        }
        Ok(self.progress)
    }

    /// The progress.
    pub fn progress(&self) -> ReplayProgress {
        self.progress
    }

    /// The fold.
    pub fn fold(&mut self) -> &mut F {
        &mut self.fold
    }
}

async fn span_since(log: &Log, before: &ResolvedRange) -> Result<ResolvedRange, AnalysisError> {
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
