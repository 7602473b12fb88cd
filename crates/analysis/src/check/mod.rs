//! Checks whether the log is consistent.

mod owners;
mod rules;

use eventstore::{Commit, Log, StoreError, StreamName};
use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};

use crate::{AnalysisError, Range, ResolvedRange, events_of};
use rules::Rules;

/// Limit for keys of one kind in memory. Whatever must be remembered by key (versions of
/// aggregates, IDs of commits, live orders) is checked for a part of the keys at a time, and the
/// log is read once per part: memory stays the same, however long the log is.
const KEYS: u64 = 500_000;
/// Number of searches for missing commits beyond the end that the log had at first.
const LOOKS: u32 = 5;
/// Pause between two searches.
const PAUSE: Duration = Duration::from_millis(200);
/// Interval of progress reports, in commits.
const PROGRESS_EVERY: u64 = 1_024;

/// A broken rule, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The stream.
    pub stream: StreamName,
    /// The sequence of the commit that breaks it.
    pub sequence: u64,
    /// The rule.
    pub rule: Rule,
    /// The details, in words.
    pub what: String,
}

/// The rules.
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
    /// The commit that caused another exists.
    CausationPresent,
    /// A ticket never has more than one live order.
    OneLiveOrder,
    /// Only a live order is paid or cancelled.
    LiveOrderEnds,
    /// An order belongs to one ticket, and a payment to one order.
    UniqueIds,
    /// Money was captured only for a complete order.
    CapturedIsComplete,
}

/// The size of a check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Commits.
    pub commits: u64,
    /// Events.
    pub events: u64,
    /// Findings.
    pub findings: u64,
    /// Number of times the log was read.
    pub passes: u64,
}

/// Reads the whole log and checks its consistency. Passes each finding to `report`, and reports the
/// number of commits read and their total.
///
/// May run while commands are executed. An unreadable commit is a finding, and the check continues
/// behind it.
///
/// # Errors
/// When the log can't be reached, or the connection is lost during the check.
pub async fn check(
    log: &Log,
    found: impl FnMut(Finding),
    progress: impl FnMut(u64, u64),
) -> Result<Checked, AnalysisError> {
    check_with(log, KEYS, found, progress).await
}

/// Like [`check`], with a different limit for keys in memory.
///
/// # Errors
/// As [`check`].
pub async fn check_with(
    log: &Log,
    keys: u64,
    mut found: impl FnMut(Finding),
    mut progress: impl FnMut(u64, u64),
) -> Result<Checked, AnalysisError> {
    let span = ResolvedRange::resolve(&Range::all(), log, &event_streams::ALL).await?;
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
            // Items without a key are checked once.
            match item {
                Ok(commit) => {
                    let (count, events) = match events_of(&commit) {
                        Ok(events) => (events.len() as u64, events),
                        Err(error) => {
                            if pass == 0 {
                                report(finding_of(&commit, error));
                            }
                            // Its existence and its versions are still known.
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

/// Searches for missing commits beyond the end that the log had when the check began: the ends of
/// the streams weren't read at the same moment, so an effect may be included without its cause.
async fn look_behind(
    log: &Log,
    span: &ResolvedRange,
    rules: &mut Rules,
) -> Result<(), AnalysisError> {
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

/// Reads a span and continues behind unreadable commits: returns commits in order of time, and a
/// finding in place of each unreadable one.
pub struct Resuming<'l> {
    log: &'l Log,
    span: ResolvedRange,
    commits: crate::Commits,
    /// The next sequence of each stream.
    next: BTreeMap<StreamName, u64>,
    /// The last commit of each stream, by sequence and place in the message.
    last: BTreeMap<StreamName, (u64, u32)>,
}

impl<'l> Resuming<'l> {
    /// Reads this span.
    pub fn new(log: &'l Log, span: ResolvedRange) -> Self {
        Self {
            commits: span.read(log),
            log,
            span,
            next: BTreeMap::new(),
            last: BTreeMap::new(),
        }
    }

    /// The next commit, or a finding in its place; `None` after the last.
    ///
    /// # Errors
    /// When the log can't be reached, or the connection is lost.
    pub async fn next(&mut self) -> Result<Option<Result<Commit, Finding>>, AnalysisError> {
        let (finding, goes_on) = match self.next_commit().await {
            None => return Ok(None),
            Some(Ok(commit)) => {
                // A stream that is read on while another is in the middle of a message begins with
                // that message again.
                let next = commit.sequence + u64::from(commit.is_last);
                self.next.insert(commit.stream, next);
                let place = (commit.sequence, commit.index);
                self.last.insert(commit.stream, place);
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

    /// The next commit that wasn't returned before.
    async fn next_commit(&mut self) -> Option<Result<Commit, AnalysisError>> {
        loop {
            let item = self.commits.next().await?;
            let is_old = item.as_ref().is_ok_and(|commit| {
                let last = self.last.get(&commit.stream);
                last.is_some_and(|last| (commit.sequence, commit.index) <= *last)
            });
            if !is_old {
                return Some(item);
            }
        }
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
