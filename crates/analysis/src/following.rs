//! Folds over the whole log, as it grows.

use chrono::{DateTime, Utc};
use eventstore::{Log, StreamName};
use std::collections::BTreeMap;
use tokio::task::yield_now;
use uuid::Uuid;

use crate::{
    AnalysisError, Fold, Range, Span, Table,
    replay::{TELL, needed, show},
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
pub struct Following {
    log: Log,
    folds: Vec<Box<dyn Fold>>,
    streams: Vec<StreamName>,
    span: Option<Span>,
    /// The last commit of each stream that they have seen.
    last: BTreeMap<StreamName, (u64, Uuid)>,
    seen: Seen,
}

/// How far a [`Following`] is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Commits that the folds have seen.
    pub commits: u64,
    /// Commits that there were when it was last looked.
    pub of: u64,
    /// The latest time of a commit that they have seen.
    pub newest: Option<DateTime<Utc>>,
}

impl Following {
    /// Folds that have seen nothing yet.
    pub fn new(log: &Log, folds: Vec<Box<dyn Fold>>) -> Self {
        Self {
            log: log.clone(),
            streams: needed(&folds),
            folds,
            span: None,
            last: BTreeMap::new(),
            seen: Seen::default(),
        }
    }

    /// Reads on to where the log ends now. Tells now and then that it is under way.
    ///
    /// # Errors
    /// When the log can't be read, ends before a place that it had already reached, or holds another
    /// commit there: it is another one then, or has lost its tail.
    pub async fn read_on(
        &mut self,
        mut under_way: impl FnMut(&mut Self),
    ) -> Result<Seen, AnalysisError> {
        let span = match &self.span {
            None => Range::all().resolve(&self.log, &self.streams).await?,
            Some(before) => came_after(&self.log, before).await?,
        };
        // A log that lost its tail and went on goes on from commits that weren't seen.
        let tails = self.log.tails();
        for (stream, (sequence, commit_id)) in &self.last {
            tails.still_stands(*stream, *sequence, *commit_id).await?;
        }
        self.seen.of = self.seen.commits + span.len();
        let mut commits = span.read(&self.log);
        self.span = Some(span);
        while let Some(commit) = commits.next().await {
            let commit = commit?;
            show(&commit, true, &mut self.folds)?;
            let last = (commit.sequence, commit.commit_id);
            self.last.insert(commit.stream, last);
            self.seen.commits += 1;
            self.seen.newest = self.seen.newest.max(Some(commit.metadata.time));
            if self.seen.commits.is_multiple_of(TELL) {
                under_way(self);
                // A long log must not keep a thread from all others who need it.
                yield_now().await;
            }
        }
        Ok(self.seen)
    }

    /// How far it is.
    pub fn seen(&self) -> Seen {
        self.seen
    }

    /// The answers on what was seen until now, in the order of the folds.
    pub fn so_far(&mut self) -> Vec<Table> {
        let folds = self.folds.iter_mut();
        folds.flat_map(|fold| fold.so_far()).collect()
    }
}

async fn came_after(log: &Log, before: &Span) -> Result<Span, AnalysisError> {
    let news = before.news(log).await?;
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
