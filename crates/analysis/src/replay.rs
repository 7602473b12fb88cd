//! Running folds over a range of the log.

use eventstore::{Commit, Log};

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

/// Runs a fold over a range. Reports how many commits of how many are read, from time to time and at
/// the end. Several folds that run as one (as [`AllFolds`](crate::folds::AllFolds)) read and decode
/// each commit once.
///
/// # Errors
/// When the range or the log can't be read; what the fold saw until then is no answer.
pub async fn replay(
    log: &Log,
    range: &Range,
    fold: &mut (impl Fold + ?Sized),
    mut progress: impl FnMut(u64, u64),
) -> Result<Replayed, AnalysisError> {
    let span = Span::resolve(range, log, fold.streams()).await?;
    let span = span.from_the_beginning();
    let (mut commits, total) = (span.read(log), span.len());
    let mut replayed = Replayed::default();
    let mut begun = false;
    while let Some(commit) = commits.next().await {
        let commit = commit?;
        let in_range = span.contains(&commit);
        if in_range && !begun {
            begun = true;
            // A range that begins at a place has no time of its own.
            fold.begin(range.from.unwrap_or(commit.metadata.time));
        }
        // What lies behind the end of the range came along only because clocks differ.
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

/// Applies the events of a commit. Returns how many they are.
pub(crate) fn apply_commit(
    commit: &Commit,
    in_range: bool,
    fold: &mut (impl Fold + ?Sized),
) -> Result<u64, AnalysisError> {
    let mut events = 0;
    for (version, event) in events_of(commit)? {
        fold.apply(&Entry {
            commit,
            version,
            event: &event,
            in_range,
        });
        events += 1;
    }
    Ok(events)
}
