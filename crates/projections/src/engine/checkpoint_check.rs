//! Compares folded commits with the log.

use eventstore::{StoreError, StreamName};
use futures_util::TryStreamExt;
use mongodb::bson::{Bson, Document};
use std::{collections::HashMap, time::Duration};
use uuid::Uuid;

use crate::{
    DocumentId, Projection,
    bson_values::unsigned,
    engine::context::{CreatedStreams, ProjectionContext},
    error::RunnerError,
    store::{Batch, Checkpoint, FoldedStream, SEQ, identity},
};

/// Number of documents ahead of a checkpoint that are compared with the log: the newest, because a
/// log loses its newest commits first.
const COMPARED: usize = 256;
/// Time limit for reading their commits.
const READ_WITHIN: Duration = Duration::from_secs(10);

/// The result of comparing a read model with the log.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The log continues after the folded commits.
    Continues,
    /// It is the same log, but it lost the last folded commits.
    TailLost(String),
    /// It is another log, or a damaged one: an operator has to decide.
    Another(String),
}

/// Compares a read model with the log.
pub(crate) struct CheckpointCheck<'a, P> {
    context: &'a ProjectionContext<P>,
}

impl<'a, P: Projection> CheckpointCheck<'a, P> {
    pub fn new(context: &'a ProjectionContext<P>) -> Self {
        Self { context }
    }

    /// Compares the folded commits with the log.
    pub async fn judge(
        &self,
        checkpoint: &Checkpoint,
        created: &CreatedStreams,
    ) -> Result<Verdict, RunnerError> {
        if let Some(why) = &checkpoint.halted {
            return Ok(Verdict::Another(why.clone()));
        }
        if let Some(why) = differs(checkpoint, created) {
            return Ok(Verdict::Another(why));
        }
        if let Some(why) = &checkpoint.healing {
            return Ok(Verdict::TailLost(why.clone()));
        }
        for stream in &self.context.streams {
            if let Some(why) = self.lost(checkpoint, *stream).await? {
                return Ok(Verdict::TailLost(why));
            }
        }
        Ok(Verdict::Continues)
    }

    /// Which folded commits of a stream the log has lost.
    async fn lost(
        &self,
        checkpoint: &Checkpoint,
        stream: StreamName,
    ) -> Result<Option<String>, RunnerError> {
        let Some(folded) = checkpoint.streams.get(stream.as_str()) else {
            return Ok(None);
        };
        match self.stands(stream, folded).await {
            Ok(()) if checkpoint.ahead => self.phantom(stream, unsigned(folded.sequence)).await,
            Ok(()) => Ok(None),
            Err(error @ StoreError::TailLost { .. }) => Ok(Some(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    async fn stands(&self, stream: StreamName, folded: &FoldedStream) -> Result<(), StoreError> {
        let sequence = unsigned(folded.sequence);
        if sequence == 0 {
            return Ok(());
        }
        let tails = self.context.log.tails();
        match folded.commit.as_deref().map(Uuid::parse_str) {
            Some(Ok(commit)) => tails.still_stands(stream, sequence, commit).await,
            _ => tails.still_reaches(stream, sequence).await,
        }
    }

    /// Finds a document that reflects a commit after the checkpoint which the log doesn't contain.
    ///
    /// A checkpoint lags slightly behind the documents. If the process died together with the log's
    /// server, the checkpoint's commit may still exist while documents show commits that don't.
    /// They contain the sequence of their commit, not its ID; but they contain the changes of the
    /// commit that is there now only if it is the same.
    async fn phantom(
        &self,
        stream: StreamName,
        folded: u64,
    ) -> Result<Option<String>, RunnerError> {
        let (store, key) = (&self.context.store, &self.context.key);
        let after = self.context.origin(stream, folded);
        let ahead = store.newest(key, after, COMPARED).await?;
        let seq = |document: &Document| document.get_i64(SEQ).map_or(0, unsigned);
        let (Some(newest), Some(oldest)) = (ahead.first().map(seq), ahead.last().map(seq)) else {
            return Ok(None);
        };
        match self.context.log.tails().still_reaches(stream, newest).await {
            Ok(()) => {}
            Err(error @ StoreError::TailLost { .. }) => return Ok(Some(error.to_string())),
            Err(error) => return Err(error.into()),
        }
        let reading = self.changes(stream, oldest, newest);
        let changes = tokio::time::timeout(READ_WITHIN, reading).await;
        let late = || StoreError::unavailable("the log is read too slowly");
        let changes = changes.map_err(|_| late())??;
        for document in &ahead {
            let seq = seq(document);
            let stored = document.get("_id").unwrap_or(&Bson::Null);
            let id = DocumentId::from_bson(stored);
            let fields = id.and_then(|id| changes.get(&(id, seq)));
            let is_there = |(name, value): (&String, &Bson)| document.get(name) == Some(value);
            if !fields.is_some_and(|fields| fields.iter().all(is_there)) {
                return Ok(Some(format!(
                    "the document of {stored} reflects {stream}#{seq}, and the commit there is another"
                )));
            }
        }
        Ok(None)
    }

    /// The changes of the commits in a range, by document and commit.
    async fn changes(
        &self,
        stream: StreamName,
        from: u64,
        to: u64,
    ) -> Result<HashMap<(DocumentId, u64), Document>, RunnerError> {
        let mut changes = HashMap::new();
        let commits = self.context.log.reader().range(stream, from, to).await?;
        let mut commits = Box::pin(commits);
        let mut batch = Batch::default();
        while let Some(commit) = commits.try_next().await? {
            for change in self.context.projection.fold(&commit)? {
                batch.add(self.context.origin(stream, commit.sequence), change)?;
            }
            // Commits of one message have the same sequence, and were written as one.
            if !commit.is_last {
                continue;
            }
            let writes = std::mem::take(&mut batch).into_writes();
            changes.extend(writes.map(|(id, write)| ((id, write.origin.sequence), write.fields)));
        }
        Ok(changes)
    }
}

/// What makes the log another than the one that was folded.
fn differs(checkpoint: &Checkpoint, created: &CreatedStreams) -> Option<String> {
    let folds: Vec<&str> = created.iter().map(|(stream, _)| stream.as_str()).collect();
    let folded: Vec<&str> = checkpoint.streams.keys().map(String::as_str).collect();
    if folds != folded {
        return Some(format!(
            "the streams {} were folded, and now it is {}. Raise the projection's version, or \
             rebuild the read model",
            folded.join(", "),
            folds.join(", ")
        ));
    }
    created.iter().find_map(|(stream, created)| {
        let (now, folded) = (
            identity(*created),
            &checkpoint.streams[stream.as_str()].created,
        );
        (*folded != now).then(|| {
            format!(
                "stream {stream} was created at {now}, but the one that was folded at {folded}: \
                 it is another log. Rebuild the read model"
            )
        })
    })
}
