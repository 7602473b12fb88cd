//! Compares folded commits with the log.

use chrono::{DateTime, Utc};
use eventstore::StoreError;
use futures_util::TryStreamExt;
use mongodb::bson::{Bson, Document};
use std::{collections::HashMap, time::Duration};
use uuid::Uuid;

use crate::{
    DocumentId, Projection,
    bson_values::unsigned,
    engine::context::ProjectionContext,
    error::RunnerError,
    store::{Batch, Checkpoint, SEQ, identity},
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
        created: DateTime<Utc>,
    ) -> Result<Verdict, RunnerError> {
        let stream = self.context.projection.stream();
        let (folded, now) = (&checkpoint.stream_created, identity(created));
        if let Some(why) = &checkpoint.halted {
            return Ok(Verdict::Another(why.clone()));
        }
        if *folded != now {
            return Ok(Verdict::Another(format!(
                "stream {stream} was created at {now}, but the one that was folded at {folded}: \
                 it is another log. Rebuild the read model"
            )));
        }
        if let Some(why) = &checkpoint.healing {
            return Ok(Verdict::TailLost(why.clone()));
        }
        let lost = match self.stands(checkpoint).await {
            Ok(()) if checkpoint.ahead => self.phantom(checkpoint).await?,
            Ok(()) => None,
            Err(error @ StoreError::TailLost { .. }) => Some(error.to_string()),
            Err(error) => return Err(error.into()),
        };
        Ok(lost.map_or(Verdict::Continues, Verdict::TailLost))
    }

    async fn stands(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let (stream, sequence) = (self.context.projection.stream(), checkpoint.sequence());
        if sequence == 0 {
            return Ok(());
        }
        let commit = checkpoint.commit.as_deref().map(Uuid::parse_str);
        match commit {
            Some(Ok(commit)) => {
                self.context
                    .log
                    .tails()
                    .still_stands(stream, sequence, commit)
                    .await
            }
            _ => {
                self.context
                    .log
                    .tails()
                    .still_reaches(stream, sequence)
                    .await
            }
        }
    }

    /// Finds a document that reflects a commit after the checkpoint which the log doesn't contain.
    ///
    /// A checkpoint lags slightly behind the documents. If the process died together with the log's
    /// server, the checkpoint's commit may still exist while documents show commits that don't.
    /// They contain the sequence of their commit, not its ID; but they contain the changes of the
    /// commit that is there now only if it is the same.
    async fn phantom(&self, checkpoint: &Checkpoint) -> Result<Option<String>, RunnerError> {
        let stream = self.context.projection.stream();
        let (store, key) = (&self.context.store, &self.context.key);
        let ahead = store.newest(key, checkpoint.sequence(), COMPARED).await?;
        let seq = |document: &Document| document.get_i64(SEQ).map_or(0, unsigned);
        let (Some(newest), Some(oldest)) = (ahead.first().map(seq), ahead.last().map(seq)) else {
            return Ok(None);
        };
        match self.context.log.tails().still_reaches(stream, newest).await {
            Ok(()) => {}
            Err(error @ StoreError::TailLost { .. }) => return Ok(Some(error.to_string())),
            Err(error) => return Err(error.into()),
        }
        let reading = self.changes(oldest, newest);
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
        from: u64,
        to: u64,
    ) -> Result<HashMap<(DocumentId, u64), Document>, RunnerError> {
        let mut changes = HashMap::new();
        let commits = self
            .context
            .log
            .reader()
            .range(self.context.projection.stream(), from, to)
            .await?;
        let mut commits = Box::pin(commits);
        while let Some(commit) = commits.try_next().await? {
            let mut batch = Batch::default();
            for change in self.context.projection.fold(&commit)? {
                batch.add(commit.sequence, change);
            }
            let writes = batch.into_writes();
            changes.extend(writes.map(|(id, write)| ((id, write.seq), write.fields)));
        }
        Ok(changes)
    }
}
