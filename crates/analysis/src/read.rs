//! Reads several streams as one, in order of time.

use chrono::{DateTime, Utc};
use eventstore::{Commit, Log, StoreError, StreamName};
use futures_util::StreamExt;
use std::{time::Duration, vec};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::AnalysisError;

/// Number of commits that a stream's task sends together.
const CHUNK: usize = 256;
/// Limit for waiting chunks per stream: with those that the consumer holds, some 3,000 commits per
/// stream are in memory.
const CHUNKS: usize = 4;

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
    /// Begins to read these parts of streams, up to a time.
    pub(crate) fn open(
        log: &Log,
        parts: impl Iterator<Item = (StreamName, (u64, u64))>,
        until: Option<DateTime<Utc>>,
        timeout: Duration,
    ) -> Self {
        let sources = parts.map(|(stream, part)| Source::open(log, stream, part, timeout));
        Self {
            sources: sources.collect(),
            begun: false,
            until,
            failed: None,
        }
    }

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
