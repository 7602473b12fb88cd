//! Follows streams and folds them, ahead of the writer.

use chrono::{TimeDelta, Utc};
use eventstore::{Commit, Log, StreamName, trace};
use futures_util::StreamExt;
use std::{collections::BTreeMap, sync::Arc};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::task::AbortOnDropHandle;
use tracing::Span;
use uuid::Uuid;

use crate::{Change, Projection, bson_values::unsigned, error::RunnerError, store::FoldedStream};

/// Number of commits that may be folded ahead: enough to keep a writer busy, bounded in memory.
const AHEAD: usize = 4_096;

/// Maximum age of a commit whose way into the read model belongs in its trace.
const TRACED: TimeDelta = TimeDelta::minutes(1);

/// The folded commits of one message. They are one step, because a checkpoint is a sequence, and a
/// reader that continues from it begins with a whole message.
#[derive(Debug)]
pub(crate) struct FoldedCommit {
    pub stream: StreamName,
    pub sequence: u64,
    /// The last commit.
    pub commit_id: Uuid,
    pub changes: Vec<Change>,
    /// The steps in the traces of those commits that have one; they end when they are dropped.
    pub spans: Vec<Span>,
}

/// Streams that are folded, ahead, each in its order.
pub(crate) struct FoldStream {
    ready: mpsc::Receiver<Result<FoldedCommit, RunnerError>>,
    _task: AbortOnDropHandle<()>,
}

/// The position from which a stream is folded.
#[derive(Clone, Debug)]
pub(crate) struct ResumePoint {
    pub stream: StreamName,
    /// The last commit that is already folded.
    pub after: u64,
    /// Its identity, which is checked again, because a log that was restored from a backup may have
    /// another commit there.
    pub commit: Option<String>,
}

/// Where streams are folded from, after what is folded already.
pub(crate) fn resume_points(
    streams: &[StreamName],
    folded: &BTreeMap<String, FoldedStream>,
) -> Vec<ResumePoint> {
    let point = |stream: &StreamName| {
        let folded = folded.get(stream.as_str());
        ResumePoint {
            stream: *stream,
            after: folded.map_or(0, |folded| unsigned(folded.sequence)),
            commit: folded.and_then(|folded| folded.commit.clone()),
        }
    };
    streams.iter().map(point).collect()
}

impl FoldStream {
    /// Begins.
    pub fn start<P: Projection>(projection: &Arc<P>, log: &Log, from: Vec<ResumePoint>) -> Self {
        let (folded, ready) = mpsc::channel(AHEAD);
        let mut streams = JoinSet::new();
        for from in from {
            let folding = fold(projection.clone(), log.clone(), from, folded.clone());
            streams.spawn(folding);
        }
        // One task owns the others: they end with it, and their panics don't go unnoticed.
        let task = tokio::spawn(async move {
            while let Some(ended) = streams.join_next().await {
                if let Err(error) = ended {
                    let failure = RunnerError::Unfoldable(format!("a fold ended: {error}"));
                    let _ = folded.send(Err(failure)).await;
                    return;
                }
            }
        });
        Self {
            ready,
            _task: AbortOnDropHandle::new(task),
        }
    }

    /// Takes the commits that are ready, at least one and at most `limit`; none when the streams
    /// ended.
    pub async fn take(&mut self, limit: usize) -> Vec<Result<FoldedCommit, RunnerError>> {
        let mut items = Vec::new();
        self.ready.recv_many(&mut items, limit).await;
        items
    }
}

/// Folds one stream until it fails or nothing takes the result any more.
async fn fold<P: Projection>(
    projection: Arc<P>,
    log: Log,
    from: ResumePoint,
    folded: mpsc::Sender<Result<FoldedCommit, RunnerError>>,
) {
    let stream = from.stream;
    let mut expected = from.commit;
    let back = u64::from(expected.is_some());
    let mut commits = Box::pin(log.reader().follow(stream, from.after - back));
    let mut message = Vec::new();
    while let Some(commit) = commits.next().await {
        let item = match commit {
            Ok(commit) => {
                let is_last = commit.is_last;
                message.push(commit);
                if !is_last {
                    continue;
                }
                let message = std::mem::take(&mut message);
                let last = message.last().map(|last| (last.sequence, last.commit_id));
                match (expected.take(), last) {
                    (Some(expected), Some((_, id))) if expected == id.to_string() => continue,
                    (Some(expected), Some((sequence, id))) if sequence == from.after => {
                        Err(another_log(stream, sequence, &expected, id))
                    }
                    // If the expected commit is still pending, it is lost by now, and an operator
                    // has acknowledged that: it proves nothing about later commits.
                    _ => fold_message(&*projection, stream, &message),
                }
            }
            Err(error) => Err(error.into()),
        };
        let failed = item.is_err();
        if folded.send(item).await.is_err() || failed {
            return;
        }
    }
}

/// Folds the commits of a message, which are at least one.
fn fold_message<P: Projection>(
    projection: &P,
    stream: StreamName,
    message: &[Commit],
) -> Result<FoldedCommit, RunnerError> {
    let mut folded = FoldedCommit {
        stream,
        sequence: 0,
        commit_id: Uuid::nil(),
        changes: Vec::new(),
        spans: Vec::new(),
    };
    for commit in message {
        folded.sequence = commit.sequence;
        folded.commit_id = commit.commit_id;
        folded.changes.extend(projection.fold(commit)?);
        let span = span_of_fold(projection.name(), commit);
        folded.spans.extend((!span.is_none()).then_some(span));
    }
    Ok(folded)
}

/// The step of a commit from the log into the read model, in the trace of its request: one span per
/// commit, though many are written at once. Commits that are folded long after they were made (by a
/// rebuild, or after an outage) get no span: their traces are of no interest any more.
fn span_of_fold(projection: &'static str, commit: &Commit) -> Span {
    let parent = commit.metadata.trace_parent.as_deref();
    if parent.is_none() || !trace::is_on() || Utc::now() - commit.stored_at > TRACED {
        return Span::none();
    }
    let span = tracing::info_span!(
        target: "projections",
        parent: None,
        "fold",
        otel.name = format!("fold {projection}"),
        otel.kind = "consumer",
        projection,
        stream = commit.stream.as_str(),
        sequence = commit.sequence,
    );
    trace::continue_from(&span, parent);
    span
}

fn another_log(stream: StreamName, sequence: u64, expected: &str, found: Uuid) -> RunnerError {
    RunnerError::TailLost(format!(
        "{stream}#{sequence} is commit {found}, but commit {expected} was folded: the log went on \
         differently"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DocumentId, FoldError, Index};
    use eventstore::{HistoricalCommit, LogConfig, Metadata, StoredEvent};
    use mongodb::bson::doc;
    use testkit::{LONG, Nats, eventually};

    const ACCOUNTS: StreamName = StreamName::new("ACCOUNTS");

    /// One document per commit.
    struct Commits;

    impl Projection for Commits {
        fn name(&self) -> &'static str {
            "commits"
        }

        fn version(&self) -> u32 {
            1
        }

        fn streams(&self) -> Vec<StreamName> {
            vec![ACCOUNTS]
        }

        fn indexes(&self) -> Vec<Index> {
            Vec::new()
        }

        fn fold(&self, commit: &Commit) -> Result<Vec<Change>, FoldError> {
            let id = DocumentId::from(commit.commit_id);
            Ok(vec![Change::Put { id, doc: doc! {} }])
        }
    }

    /// A log with a message of three commits, and one of two. Commits are numbered from 1.
    async fn start() -> (Nats, Log) {
        let nats = Nats::start().await;
        let config = LogConfig {
            url: nats.url().to_owned(),
            event_streams: vec![ACCOUNTS],
            ..LogConfig::default()
        };
        let log = Log::connect(config).await.unwrap();
        let streams = log.streams();
        eventually("the streams are there", LONG, || streams.ensure()).await;
        let mut import = log.importer().begin(ACCOUNTS, 0);
        let commit = |number: u128, version| {
            let id = Uuid::from_u128(number);
            let metadata = Metadata::of_request(id, "request", "ann", Utc::now());
            let place = (ACCOUNTS, "account", "a".to_owned());
            let event = StoredEvent {
                version: "1.0".into(),
                event_type: "Deposited".into(),
                data: None,
            };
            HistoricalCommit::of_stored(place, version, id, metadata, &[event]).unwrap()
        };
        for message in [
            vec![commit(1, 0), commit(2, 1), commit(3, 2)],
            vec![commit(4, 3), commit(5, 4)],
        ] {
            import.append(&message).await.unwrap();
        }
        import.finish().await.unwrap();
        (nats, log)
    }

    async fn next(stream: &mut FoldStream) -> Result<(u64, u128, usize), RunnerError> {
        let taken = tokio::time::timeout(LONG, stream.take(1)).await;
        let folded = taken.unwrap().remove(0)?;
        let commit = folded.commit_id.as_u128();
        Ok((folded.sequence, commit, folded.changes.len()))
    }

    fn from(after: u64, commit: Option<u128>) -> ResumePoint {
        let commit = commit.map(|commit| Uuid::from_u128(commit).to_string());
        ResumePoint {
            stream: ACCOUNTS,
            after,
            commit,
        }
    }

    #[tokio::test]
    async fn the_commits_of_a_message_are_folded_in_one_step() {
        let (_nats, log) = start().await;
        let start = |from| FoldStream::start(&Arc::new(Commits), &log, vec![from]);
        let mut folding = start(from(0, None));
        assert_eq!(next(&mut folding).await.unwrap(), (1, 3, 3));
        assert_eq!(next(&mut folding).await.unwrap(), (2, 5, 2));
        // What is left behind a checkpoint is whole messages, too.
        let mut folding = start(from(1, Some(3)));
        assert_eq!(next(&mut folding).await.unwrap(), (2, 5, 2));
        let mut another = start(from(1, Some(7)));
        let refused = next(&mut another).await.unwrap_err();
        assert!(matches!(refused, RunnerError::TailLost(_)), "{refused}");
    }
}
