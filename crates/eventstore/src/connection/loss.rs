//! Reports a tail that a stream lost, in the process's log.

use std::fmt::Write as _;

use super::tail::SeenCommit;
use crate::StreamName;

/// Lost commits per log line.
const A_LINE: usize = 100;

/// A tail that a stream lost.
#[derive(Clone, Debug)]
pub(super) struct Loss {
    pub stream: StreamName,
    /// The first sequence that was lost, as far as this process knows.
    pub from: u64,
    /// The last lost sequence that this process saw.
    pub to: u64,
    /// Whether more may be lost before `from`.
    pub or_earlier: bool,
    /// The lost commits that this process saw, oldest first.
    pub commits: Vec<SeenCommit>,
}

impl Loss {
    /// Logs the lost commits, in as many lines as necessary.
    pub fn report(&self) {
        let Self {
            stream, from, to, ..
        } = self;
        let (known, lost) = (self.commits.len(), to + 1 - from);
        let mut parts = self.commits.chunks(A_LINE);
        let commits = parts.next().map(listed).unwrap_or_default();
        let or_earlier = self.or_earlier;
        tracing::error!(
            %stream, from, to, or_earlier, lost, known, commits,
            "the log lost its tail: commits that were acknowledged are gone"
        );
        for part in parts {
            let commits = listed(part);
            tracing::error!(%stream, commits, "these commits are gone, too");
        }
    }
}

fn listed(commits: &[SeenCommit]) -> String {
    let mut text = String::new();
    for commit in commits {
        let separator = if text.is_empty() { "" } else { ", " };
        let SeenCommit {
            sequence,
            commit_id,
            correlation_id,
            ..
        } = commit;
        // Writing to a string can't fail.
        let _ = write!(
            text,
            "{separator}#{sequence} {commit_id} of request {correlation_id}"
        );
    }
    text
}
