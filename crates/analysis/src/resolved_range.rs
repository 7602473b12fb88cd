//! A part of the log that is there.

use chrono::{DateTime, TimeDelta, Utc};
use event_streams::{ORDERS, PAYMENTS, TICKETS, USERS};
use eventstore::{Commit, Log, StoreError, StreamName};
use std::{collections::BTreeMap, time::Duration};

use crate::{AnalysisError, Commits, Range};

/// After so long without the next commit the connection counts as lost.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(10);
/// By how much clocks of processes may differ: where a time ends a range, the stream is read on
/// for so long, and where one begins it, from so long before.
const MAX_CLOCK_SKEW: TimeDelta = TimeDelta::minutes(10);

/// The order in which it is looked up where streams end. What a commit refers to stands in the log
/// before it, and a payment refers to an order, an order to a ticket, a ticket to a user: so what
/// is read of a growing log holds no order without its ticket.
const DEPENDENTS_FIRST: [StreamName; 4] = [PAYMENTS, ORDERS, TICKETS, USERS];

/// A part of the log that is there: a [`Range`], with the ends of the streams as they were when
/// it was looked up. What is appended later is not part of it.
#[derive(Clone, Debug)]
pub struct ResolvedRange {
    range: Range,
    /// First and last sequence by stream; none of a stream where the first is behind the last.
    sequences: BTreeMap<StreamName, (u64, u64)>,
    timeout: Duration,
}

impl ResolvedRange {
    /// Looks up where a range lies in these streams.
    ///
    /// # Errors
    /// [`AnalysisError::PastEnd`] when it names a place that a stream hasn't reached,
    /// [`AnalysisError::InvertedRange`] when it ends before it begins, and when the log can't be
    /// read.
    pub async fn resolve(
        range: &Range,
        log: &Log,
        streams: &[StreamName],
    ) -> Result<Self, AnalysisError> {
        range.check()?;
        let mut sequences = BTreeMap::new();
        for stream in DEPENDENTS_FIRST
            .iter()
            .filter(|stream| streams.contains(stream))
        {
            let end = log.reader().last_sequence(*stream).await?;
            for sequence in [range.first.get(stream), range.last.get(stream)] {
                if let Some(sequence) = sequence.filter(|sequence| **sequence > end) {
                    return Err(AnalysisError::PastEnd {
                        stream: *stream,
                        sequence: *sequence,
                        last: end,
                    });
                }
            }
            let mut first = range.first.get(stream).copied().unwrap_or(1);
            let last = range.last.get(stream).copied().unwrap_or(end);
            if let Some(from) = range
                .from
                .and_then(|from| from.checked_sub_signed(MAX_CLOCK_SKEW))
            {
                first = first_since(log, *stream, from, (first, last)).await?;
            }
            sequences.insert(*stream, (first, last));
        }
        Ok(Self {
            range: range.clone(),
            sequences,
            timeout: COMMIT_TIMEOUT,
        })
    }

    /// The range that this is.
    pub fn range(&self) -> &Range {
        &self.range
    }

    /// First and last sequence of a stream; `None` if none of its commits is meant.
    pub fn sequences(&self, stream: StreamName) -> Option<(u64, u64)> {
        let (first, last) = *self.sequences.get(&stream)?;
        (first <= last).then_some((first, last))
    }

    /// The last sequence of a stream that is meant, or that there was; 0 of an empty one.
    pub fn end(&self, stream: StreamName) -> u64 {
        self.sequences.get(&stream).map_or(0, |(_, last)| *last)
    }

    /// The same, but of each stream only its newest messages.
    #[must_use]
    pub fn newest(&self, messages: u64) -> Self {
        let mut newest = self.clone();
        for (first, last) in newest.sequences.values_mut() {
            *first = (*first).max((*last + 1).saturating_sub(messages));
        }
        newest
    }

    /// The same, but of each stream only the messages before its newest ones.
    #[must_use]
    pub fn before_newest(&self, messages: u64) -> Self {
        let mut before = self.clone();
        for (_, last) in before.sequences.values_mut() {
            *last = last.saturating_sub(messages);
        }
        before
    }

    /// The streams that are read.
    pub fn streams(&self) -> impl Iterator<Item = StreamName> {
        self.sequences.keys().copied()
    }

    /// How many messages are read, at most; each holds one commit or more.
    pub fn len(&self) -> u64 {
        let lengths = self.sequences.values();
        lengths
            .map(|(first, last)| (last + 1).saturating_sub(*first))
            .sum()
    }

    /// Whether there is nothing to be read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a commit is in the range.
    pub fn contains(&self, commit: &Commit) -> bool {
        let place = self.range.first.get(&commit.stream);
        place.is_none_or(|first| commit.sequence >= *first)
            && self
                .sequences
                .get(&commit.stream)
                .is_some_and(|(_, last)| commit.sequence <= *last)
            && self.range.contains_time(commit.metadata.time)
    }

    /// The same from the log's first commit on. [`ResolvedRange::contains`] still tells what is in
    /// the range.
    #[must_use]
    pub fn from_the_beginning(mut self) -> Self {
        for (first, _) in self.sequences.values_mut() {
            *first = 1;
        }
        self
    }

    /// The same, with some of the streams from another place on.
    #[must_use]
    pub fn starting_at(mut self, next: &BTreeMap<StreamName, u64>) -> Self {
        for (stream, next) in next {
            if let Some((first, _)) = self.sequences.get_mut(stream) {
                *first = *next;
            }
        }
        self
    }

    /// What came to these streams since.
    ///
    /// # Errors
    /// When the log can't be reached.
    pub async fn appended_since(&self, log: &Log) -> Result<Self, AnalysisError> {
        let mut appended = self.clone();
        for stream in DEPENDENTS_FIRST {
            if let Some((first, last)) = appended.sequences.get_mut(&stream) {
                *first = *last + 1;
                *last = log.reader().last_sequence(stream).await?;
            }
        }
        Ok(appended)
    }

    /// The same, with another bound on waiting for the next commit (10 s).
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Reads it: every stream in its own order, merged by time. Commits that lie in it only
    /// because of [`ResolvedRange::from_the_beginning`] or because clocks differ come too;
    /// [`ResolvedRange::contains`] tells them apart.
    ///
    /// Each stream is read by a task of its own, which waits until its commits are taken, and
    /// ends with this value. In the server there is an ordered consumer for each of them, which
    /// goes by itself.
    pub fn read(&self, log: &Log) -> Commits {
        let parts = self
            .streams()
            .filter_map(|stream| Some((stream, self.sequences(stream)?)));
        let until = self.range.to;
        let until = until.and_then(|to| to.checked_add_signed(MAX_CLOCK_SKEW));
        Commits::open(log, parts, until, self.timeout)
    }
}

/// The first commit that isn't from before a time, by bisection; `last + 1` if all are.
async fn first_since(
    log: &Log,
    stream: StreamName,
    time: DateTime<Utc>,
    (mut low, last): (u64, u64),
) -> Result<u64, AnalysisError> {
    let mut high = last + 1;
    while low < high {
        let middle = low + (high - low) / 2;
        let mut probe = middle;
        // What can't be read tells no time. It is an error when it is met, and only if it is part
        // of the range.
        let found = loop {
            match log.reader().commit_at(stream, probe).await {
                Ok(commit) => break Some(commit.metadata.time),
                Err(StoreError::Unreadable { .. }) if probe + 1 < high => probe += 1,
                Err(StoreError::Unreadable { .. }) => break None,
                Err(error) => return Err(error.into()),
            }
        };
        match found {
            Some(found) if found < time => low = probe + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}
