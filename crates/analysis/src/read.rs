//! Reads several streams as one, in order of time.

use chrono::{DateTime, TimeDelta, Utc};
use eventstore::{Commit, Log, ORDERS, PAYMENTS, StoreError, StreamName, TICKETS, USERS};
use futures_util::StreamExt;
use std::{collections::BTreeMap, time::Duration, vec};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::{AnalysisError, Range};

/// Number of commits that a stream's task sends together.
const CHUNK: usize = 256;
/// Limit for waiting chunks per stream: with those that the consumer holds, some 3,000 commits per
/// stream are in memory.
const CHUNKS: usize = 4;
/// After this time without a commit the connection counts as lost.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest expected difference between clocks: at a time that ends a range, the stream is read
/// this much further, and at one that begins it, from this much earlier.
const MAX_CLOCK_SKEW: TimeDelta = TimeDelta::minutes(10);

/// The order in which the ends of the streams are looked up. A commit comes after those it refers
/// to, and a payment refers to an order, an order to a ticket, a ticket to a user: so the span of a
/// growing log contains no order without its ticket.
const DEPENDENTS_FIRST: [StreamName; 4] = [PAYMENTS, ORDERS, TICKETS, USERS];

/// Returns all commits of one aggregate, oldest first. The server selects them; the rest of the
/// stream isn't read.
///
/// # Errors
/// When the ID is invalid, or the log can't be read.
pub async fn commits_of(
    log: &Log,
    stream: StreamName,
    aggregate_id: &str,
) -> Result<Vec<Commit>, AnalysisError> {
    // The aggregate's type makes no difference here: nothing is decoded.
    let store = log.store::<domain::user::User>(stream);
    Ok(store.commits(aggregate_id).await?)
}

/// An existing part of the log: a [`Range`], with the ends of the streams when it was resolved. It
/// does not include later commits.
#[derive(Clone, Debug)]
pub struct Span {
    range: Range,
    /// First and last sequence by stream; without streams in which the first is after the last.
    sequences: BTreeMap<StreamName, (u64, u64)>,
    timeout: Duration,
}

impl Range {
    /// Looks up the range in these streams.
    ///
    /// # Errors
    /// [`AnalysisError::PastEnd`] when it names a place that a stream hasn't reached,
    /// [`AnalysisError::InvertedRange`] when it ends before it begins, and when the log can't be
    /// read.
    pub async fn resolve(&self, log: &Log, streams: &[StreamName]) -> Result<Span, AnalysisError> {
        self.check()?;
        let mut sequences = BTreeMap::new();
        for stream in DEPENDENTS_FIRST
            .iter()
            .filter(|stream| streams.contains(stream))
        {
            let end = log.reader().last_sequence(*stream).await?;
            for sequence in [self.first.get(stream), self.last.get(stream)] {
                if let Some(sequence) = sequence.filter(|sequence| **sequence > end) {
                    return Err(AnalysisError::PastEnd {
                        stream: *stream,
                        sequence: *sequence,
                        last: end,
                    });
                }
            }
            let mut first = self.first.get(stream).copied().unwrap_or(1);
            let last = self.last.get(stream).copied().unwrap_or(end);
            if let Some(from) = self
                .from
                .and_then(|from| from.checked_sub_signed(MAX_CLOCK_SKEW))
            {
                first = first_since(log, *stream, from, (first, last)).await?;
            }
            sequences.insert(*stream, (first, last));
        }
        Ok(Span {
            range: self.clone(),
            sequences,
            timeout: COMMIT_TIMEOUT,
        })
    }
}

/// The first commit that isn't from before a time, by bisection; `last + 1` if there is none.
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
        // An unreadable commit has no time. It is an error when it is read, and only if it is part
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

impl Span {
    /// The range that was resolved.
    pub fn range(&self) -> &Range {
        &self.range
    }

    /// First and last sequence of a stream; `None` if it has no commits in the span.
    pub fn sequences(&self, stream: StreamName) -> Option<(u64, u64)> {
        let (first, last) = *self.sequences.get(&stream)?;
        (first <= last).then_some((first, last))
    }

    /// The last sequence of a stream in the span, or in the log; 0 for an empty stream.
    pub fn end(&self, stream: StreamName) -> u64 {
        self.sequences.get(&stream).map_or(0, |(_, last)| *last)
    }

    /// The same span with only the newest commits of each stream.
    #[must_use]
    pub fn newest(&self, commits: u64) -> Self {
        let mut newest = self.clone();
        for (first, last) in newest.sequences.values_mut() {
            *first = (*first).max((*last + 1).saturating_sub(commits));
        }
        newest
    }

    /// The same span without the newest commits of each stream.
    #[must_use]
    pub fn before_newest(&self, commits: u64) -> Self {
        let mut before = self.clone();
        for (_, last) in before.sequences.values_mut() {
            *last = last.saturating_sub(commits);
        }
        before
    }

    /// The streams that are read.
    pub fn streams(&self) -> impl Iterator<Item = StreamName> {
        self.sequences.keys().copied()
    }

    /// Maximum number of commits.
    pub fn len(&self) -> u64 {
        let lengths = self.sequences.values();
        lengths
            .map(|(first, last)| (last + 1).saturating_sub(*first))
            .sum()
    }

    /// Whether there are no commits to read.
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

    /// The same from the log's first commit on. [`Span::contains`] still selects the commits of the
    /// range.
    #[must_use]
    pub fn from_the_beginning(mut self) -> Self {
        for (first, _) in self.sequences.values_mut() {
            *first = 1;
        }
        self
    }

    /// The same, with some streams from another sequence on.
    #[must_use]
    pub fn starting_at(mut self, next: &BTreeMap<StreamName, u64>) -> Self {
        for (stream, next) in next {
            if let Some((first, _)) = self.sequences.get_mut(stream) {
                *first = *next;
            }
        }
        self
    }

    /// The commits that were appended to these streams since.
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

    /// The same, with another time limit for the next commit (10 s by default).
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Reads the span: every stream in its own order, merged by time. Includes the commits that are
    /// only part of it because of [`Span::from_the_beginning`] or different clocks;
    /// [`Span::contains`] distinguishes them.
    ///
    /// A separate task reads each stream; it waits while its commits are not taken, and ends when
    /// this value is dropped. Each has an ordered consumer in the server, which the server removes.
    pub fn read(&self, log: &Log) -> Commits {
        let sources = self.streams().filter_map(|stream| {
            let (first, last) = self.sequences(stream)?;
            Some(Source::open(log, stream, (first, last), self.timeout))
        });
        Commits {
            sources: sources.collect(),
            begun: false,
            failed: None,
            until: self
                .range
                .to
                .and_then(|to| to.checked_add_signed(MAX_CLOCK_SKEW)),
        }
    }
}

type Item = Result<Commit, AnalysisError>;

/// Commits of several streams, merged.
#[derive(Debug)]
pub struct Commits {
    sources: Vec<Source>,
    begun: bool,
    until: Option<DateTime<Utc>>,
    failed: Option<AnalysisError>,
}

impl Commits {
    /// The next commit; `None` after the last.
    ///
    /// # Errors
    /// When the log can't be read there, or is lost for longer than the span's timeout. An error is
    /// the last item.
    pub async fn next(&mut self) -> Option<Item> {
        if !self.begun {
            self.begun = true;
            for i in (0..self.sources.len()).rev() {
                if let Err(error) = self.advance(i).await {
                    return Some(self.fail(error));
                }
            }
        }
        if let Some(error) = self.failed.take() {
            return Some(self.fail(error));
        }
        // With a handful of streams, checking each is faster than a heap.
        let earliest = self.sources.iter().enumerate();
        let (i, _) = earliest.min_by_key(|(_, source)| (source.time, source.stream))?;
        let commit = self.sources[i].head.take()?;
        // The commits before a fault are valid and are returned.
        self.failed = self.advance(i).await.err();
        Some(Ok(commit))
    }

    /// Fetches the next head of a source, or removes the source.
    async fn advance(&mut self, i: usize) -> Result<(), AnalysisError> {
        let source = &mut self.sources[i];
        let next = source.next().await.transpose()?;
        let Some(commit) = next else {
            self.sources.swap_remove(i);
            return Ok(());
        };
        // A clock that went back doesn't move a commit before its predecessor.
        source.time = source.time.max(commit.metadata.time);
        if self.until.is_some_and(|until| source.time >= until) {
            self.sources.swap_remove(i);
        } else {
            source.head = Some(commit);
        }
        Ok(())
    }

    fn fail(&mut self, error: AnalysisError) -> Item {
        self.sources.clear();
        Err(error)
    }
}

/// One stream that is being read.
#[derive(Debug)]
struct Source {
    stream: StreamName,
    head: Option<Commit>,
    /// The latest time so far, by which `head` is ordered between the streams.
    time: DateTime<Utc>,
    chunk: vec::IntoIter<Item>,
    chunks: mpsc::Receiver<Vec<Item>>,
    _task: AbortOnDropHandle<()>,
}

impl Source {
    fn open(log: &Log, stream: StreamName, sequences: (u64, u64), timeout: Duration) -> Self {
        let (send, chunks) = mpsc::channel(CHUNKS);
        let reading = pump(log.clone(), stream, sequences, timeout, send);
        Self {
            stream,
            head: None,
            time: DateTime::<Utc>::MIN_UTC,
            chunk: Vec::new().into_iter(),
            chunks,
            _task: AbortOnDropHandle::new(tokio::spawn(reading)),
        }
    }

    async fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(item) = self.chunk.next() {
                return Some(item);
            }
            self.chunk = self.chunks.recv().await?.into_iter();
        }
    }
}

/// Reads a stream into a channel. Decoding runs in parallel with the fold, which keeps a replay
/// close to the speed of the consumer.
async fn pump(
    log: Log,
    stream: StreamName,
    (first, last): (u64, u64),
    patience: Duration,
    send: mpsc::Sender<Vec<Item>>,
) {
    let mut after = first - 1;
    let commits = match log.reader().range(stream, first, last).await {
        Ok(commits) => commits,
        Err(error) => {
            // This fails if the receiver is gone.
            let _ = send.send(vec![Err(error.into())]).await;
            return;
        }
    };
    let mut chunks = Box::pin(commits.ready_chunks(CHUNK));
    loop {
        let chunk: Vec<Item> = match timeout(patience, chunks.next()).await {
            Ok(Some(chunk)) => chunk
                .into_iter()
                .map(|item| {
                    let commit = item.map_err(|error| match error {
                        // The reader itself checked the end of the stream, and got no answer.
                        StoreError::Unavailable { .. } => AnalysisError::Lost {
                            stream,
                            after,
                            waited: patience,
                        },
                        other => other.into(),
                    })?;
                    after = commit.sequence;
                    Ok(commit)
                })
                .collect(),
            Ok(None) => return,
            Err(_) => vec![Err(AnalysisError::Lost {
                stream,
                after,
                waited: patience,
            })],
        };
        let ended = chunk.last().is_none_or(Result::is_err);
        if send.send(chunk).await.is_err() || ended {
            return;
        }
    }
}
