//! Running folds over a range of the log.

use chrono::{DateTime, Utc};
use eventstore::{Commit, EVENT_STREAMS, Log, StreamName};

use crate::{AnalysisError, Entry, Fold, Range, Span, events_of};

/// How often progress is told, in commits.
pub(crate) const PROGRESS_EVERY: u64 = 1_024;

/// What a replay saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Commits that were read, those before the range included.
    pub commits: u64,
    /// Events that in_range.
    pub events: u64,
}

/// Runs folds over a range: each commit is read and decoded once, whatever their number. Tells
/// how many commits of how many are read, now and then and at the end.
///
/// # Errors
/// When the range or the log can't be read; what the folds saw until then is no answer.
pub async fn replay(
    log: &Log,
    range: &Range,
    folds: &mut [Box<dyn Fold>],
    mut progress: impl FnMut(u64, u64),
) -> Result<Replayed, AnalysisError> {
    let span: Span = range
        .resolve(log, &streams_of(folds))
        .await?
        .from_the_beginning();
    let (mut commits, total) = (span.read(log), span.len());
    let mut replayed = Replayed::default();
    let mut begun = false;
    while let Some(commit) = commits.next().await {
        let commit = commit?;
        let in_range = span.contains(&commit);
        if in_range && !begun {
            begun = true;
            // A range that begins at a place has no time of its own.
            begin(folds, range.from.unwrap_or(commit.metadata.time));
        }
        // What lies behind the end of the range came along only because clocks differ.
        if in_range || range.to.is_none_or(|to| commit.metadata.time < to) {
            let events = apply_commit(&commit, in_range, folds)?;
            replayed.events += if in_range { events } else { 0 };
        }
        replayed.commits += 1;
        if replayed.commits.is_multiple_of(PROGRESS_EVERY) {
            progress(replayed.commits, total);
        }
    }
    if let (false, Some(from)) = (begun, range.from) {
        begin(folds, from);
    }
    progress(replayed.commits, replayed.commits);
    Ok(replayed)
}

fn begin(folds: &mut [Box<dyn Fold>], at: DateTime<Utc>) {
    for fold in folds {
        fold.begin(at);
    }
}

/// The streams that any of the folds needs.
pub(crate) fn streams_of(folds: &[Box<dyn Fold>]) -> Vec<StreamName> {
    let needed = |stream: &StreamName| folds.iter().any(|fold| fold.streams().contains(stream));
    EVENT_STREAMS.into_iter().filter(needed).collect()
}

/// Shows the events of a commit to the folds that look at its stream; tells how many they are.
pub(crate) fn apply_commit(
    commit: &Commit,
    in_range: bool,
    folds: &mut [Box<dyn Fold>],
) -> Result<u64, AnalysisError> {
    let mut events = 0;
    for (version, event) in events_of(commit)? {
        let entry = Entry {
            commit,
            version,
            event: &event,
            in_range,
        };
        for fold in folds.iter_mut() {
            if fold.streams().contains(&commit.stream) {
                fold.apply(&entry);
            }
        }
        events += 1;
    }
    Ok(events)
}
