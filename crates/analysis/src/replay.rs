//! Runs folds over a range of the log.

use eventstore::{Commit, Log};

use crate::{AnalysisError, Fold, Range, RecordedEvent, ResolvedRange, events_of};

/// Interval of progress reports, in commits.
pub(crate) const PROGRESS_EVERY: u64 = 1_024;

/// The size of a replay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Commits that were read, including those before the range.
    pub commits: u64,
    /// Events in the range.
    pub events: u64,
}

/// Runs a fold over a range. Reports the number of commits read and their total, at intervals and
/// at the end. Several folds that run as one (like [`AllFolds`](crate::folds::AllFolds)) read and
/// decode each commit once.
///
/// # Errors
/// When the range or the log can't be read; the fold's state is then no result.
pub async fn replay(
    log: &Log,
    range: &Range,
    fold: &mut (impl Fold + ?Sized),
    mut progress: impl FnMut(u64, u64),
) -> Result<Replayed, AnalysisError> {
    let span = ResolvedRange::resolve(range, log, fold.streams()).await?;
    let span = span.from_the_beginning();
    let (mut commits, total) = (span.read(log), span.len());
    let mut replayed = Replayed::default();
    let mut begun = false;
    while let Some(commit) = commits.next().await {
        let commit = commit?;
        let in_range = span.contains(&commit);
        if in_range && !begun {
            begun = true;
            // A range that begins at a sequence has no time of its own.
            fold.begin(range.from.unwrap_or(commit.metadata.time));
        }
        // Commits beyond the end of the range were read only because clocks differ.
        if in_range || range.to.is_none_or(|to| commit.metadata.time < to) {
            let events = apply_commit(&commit, in_range, fold)?;
            replayed.events += if in_range { events } else { 0 };
        }
        replayed.commits += 1;
        if replayed.commits.is_multiple_of(PROGRESS_EVERY) {
            progress(replayed.commits, total);
        }
    }
    if let (false, Some(from)) = (begun, range.from) {
        fold.begin(from);
    }
    progress(replayed.commits, replayed.commits);
    Ok(replayed)
}

/// Applies the events of a commit. Returns their number.
pub(crate) fn apply_commit(
    commit: &Commit,
    in_range: bool,
    fold: &mut (impl Fold + ?Sized),
) -> Result<u64, AnalysisError> {
    let mut events = 0;
    for (version, event) in events_of(commit)? {
        fold.apply(&RecordedEvent {
            commit,
            version,
            event: &event,
            in_range,
        });
        events += 1;
    }
    Ok(events)
}
