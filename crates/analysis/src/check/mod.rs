//! Whether the log holds together.

mod owners;
mod rules;

use eventstore::{Commit, Log, StoreError, StreamName};
use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};

use crate::{AnalysisError, Range, Span, events_of};
use rules::Rules;

/// How many keys of one kind are in memory at once. Whatever needs to be remembered by key
/// (versions of aggregates, ids of commits, live orders) is checked for a part of the keys at a
/// time, and the log is read once for each part: memory stays the same, however long the log is.
const KEYS: u64 = 500_000;
/// How often what should be there already is looked for behind the end that the log had at first.
const LOOKS: u32 = 5;
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(200);
/// How often progress is told, in commits.
const PROGRESS_EVERY: u64 = 1_024;

/// Something that doesn't hold, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The stream.
    pub stream: StreamName,
    /// The sequence of the commit that doesn't fit.
    pub sequence: u64,
    /// Which rule it breaks.
    pub rule: Rule,
    /// What is wrong, in words.
    pub what: String,
}

/// What must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rule {
    /// Sequences of a stream are dense.
    DenseSequences,
    /// Every commit can be read, and every event is of a known type and shape.
    KnownTypes,
    /// Versions of an aggregate are dense.
    DenseVersions,
    /// No two commits have the same id.
    UniqueCommits,
    /// The commit that caused another is there.
    CausationPresent,
    /// A ticket has at most one live order at every moment.
    OneLiveOrder,
    /// Only a live order is paid or cancelled.
    LiveOrderEnds,
    /// An order is of one ticket, and a payment for one order.
    UniqueIds,
    /// Money was only taken for a complete order.
    CapturedIsComplete,
}

/// What was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Commits.
    pub commits: u64,
    /// Events.
    pub events: u64,
    /// Findings.
    pub findings: u64,
    /// How often the log was read.
    pub passes: u64,
}

/// Reads the whole log and checks that it holds together. Hands over each finding as it is made,
/// and tells how many commits of how many are read.
///
/// May run beside traffic. What can't be read is a finding, and the check goes on behind it.
///
/// # Errors
/// When the log can't be reached, or is lost on the way.
pub async fn check(
    log: &Log,
    found: impl FnMut(Finding),
    progress: impl FnMut(u64, u64),
) -> Result<Checked, AnalysisError> {
    check_with(log, KEYS, found, progress).await
}

/// As [`check`], with a bound of its own on keys in memory.
///
/// # Errors
/// As [`check`].
pub async fn check_with(
    log: &Log,
    keys: u64,
    mut found: impl FnMut(Finding),
    mut progress: impl FnMut(u64, u64),
) -> Result<Checked, AnalysisError> {
    let span = Span::resolve(&Range::all(), log, &event_streams::ALL).await?;
    let passes = span.len().div_ceil(keys.max(1)).max(1);
    let (mut checked_commits, mut checked_events, mut findings) = (0, 0, 0);
    let total = span.len() * passes;
    let mut read = 0;
    for pass in 0..passes {
        let mut rules = Rules::new(pass, passes);
        let mut report = |finding: Finding| {
            findings += 1;
            found(finding);
        };
        let mut commits = Resuming::new(log, span.clone());
        while let Some(item) = commits.next().await? {
            read += 1;
            if u64::is_multiple_of(read, PROGRESS_EVERY) {
                progress(read, total);
            }
            // What has no key is checked once.
            match item {
                Ok(commit) => {
                    let (count, events) = match events_of(&commit) {
                        Ok(events) => (events.len() as u64, events),
                        Err(error) => {
                            if pass == 0 {
                                report(finding_of(&commit, error));
                            }
                            // That it exists and has versions is still known.
                            (commit.event_count().unwrap_or(1), Vec::new())
                        }
                    };
                    if pass == 0 {
                        checked_commits += 1;
                        checked_events += count;
                    }
                    rules.apply(&commit, (count, &events), &mut report);
                }
                Err(finding) if pass == 0 => report(finding),
                Err(_) => {}
            }
        }
        look_behind(log, &span, &mut rules).await?;
        rules.finish(&mut report);
    }
    progress(total, total);
    Ok(Checked {
        commits: checked_commits,
        events: checked_events,
        findings,
        passes,
    })
}

/// Looks for what is missing behind the end that the log had when the check began: the ends of the
/// streams weren't taken in one moment, so an effect may be in while its cause isn't.
async fn look_behind(log: &Log, span: &Span, rules: &mut Rules) -> Result<(), AnalysisError> {
    for look in 0..LOOKS {
        if !rules.has_missing() {
            return Ok(());
        }
        if look > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let news = span.appended_since(log).await?;
        let mut commits = Resuming::new(log, news);
        while let Some(item) = commits.next().await? {
            if let Ok(commit) = item
                && let Ok(events) = events_of(&commit)
            {
                rules.resolve_missing(&commit, &events);
            }
        }
    }
    Ok(())
}

/// Reads a span and goes on behind what can't be read: its commits in order of time, and in place of
/// what is none a finding.
pub struct Resuming<'l> {
    log: &'l Log,
    span: Span,
    commits: crate::Commits,
    /// Where each stream goes on.
    next: BTreeMap<StreamName, u64>,
}

impl<'l> Resuming<'l> {
    /// Reads this span.
    pub fn new(log: &'l Log, span: Span) -> Self {
        Self {
            commits: span.read(log),
            log,
            span,
            next: BTreeMap::new(),
        }
    }

    /// The next commit, or what is in its place; `None` after the last.
    ///
    /// # Errors
    /// When the log can't be reached, or is lost on the way.
    pub async fn next(&mut self) -> Result<Option<Result<Commit, Finding>>, AnalysisError> {
        let (finding, goes_on) = match self.commits.next().await {
            None => return Ok(None),
            Some(Ok(commit)) => {
                self.next.insert(commit.stream, commit.sequence + 1);
                return Ok(Some(Ok(commit)));
            }
            Some(Err(AnalysisError::Log(StoreError::Unreadable {
                stream,
                sequence,
                why,
            }))) => (
                finding(stream, sequence, Rule::KnownTypes, why),
                sequence + 1,
            ),
            Some(Err(AnalysisError::Log(
                error @ StoreError::Hole {
                    stream,
                    first,
                    last,
                },
            ))) => {
                let what = error.to_string();
                (finding(stream, first, Rule::DenseSequences, what), last + 1)
            }
            Some(Err(error)) => return Err(error),
        };
        self.next.insert(finding.stream, goes_on);
        self.span = self.span.clone().starting_at(&self.next);
        self.commits = self.span.read(self.log);
        Ok(Some(Err(finding)))
    }
}

fn finding(stream: StreamName, sequence: u64, rule: Rule, what: String) -> Finding {
    Finding {
        stream,
        sequence,
        rule,
        what,
    }
}

fn finding_of(commit: &Commit, error: StoreError) -> Finding {
    let what = match error {
        StoreError::Unreadable { why, .. } => why,
        other => other.to_string(),
    };
    finding(commit.stream, commit.sequence, Rule::KnownTypes, what)
}
