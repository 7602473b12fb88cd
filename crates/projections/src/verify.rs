//! Compares a read model with a replay of the log.

use eventstore::{Log, StoreError, StreamName};
use futures_util::{StreamExt, TryStreamExt};
use mongodb::bson::{Document, RawDocumentBuf};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::{
    Change, DocumentId, FoldError, OwnedByAnother, Position, Projection, ReadError,
    bson_values::unsigned,
    engine::{bounds, ends_of},
    projection::DELETED,
    store::{Checkpoint, Origin, ReadStore, SEQ, STREAM, Write},
};

/// Time limit for the read model to reach the log's end.
const CATCH_UP: Duration = Duration::from_secs(30);
/// After this time without a holder of the lease, no process seems to run the read model: the lease
/// is handed over when a process ends, and not held while a server is down.
const HANDOVER: Duration = Duration::from_secs(2);
/// Polling interval for that.
const LOOK: Duration = Duration::from_millis(50);

/// The first document that differs from the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Its id.
    pub id: String,
    /// The result of the replay; `None` if the document should not exist.
    pub replayed: Option<Document>,
    /// The stored document; `None` if there is none.
    pub stored: Option<Document>,
}

/// Why a comparison could not be made.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] StoreError),
    /// The log can't be folded.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// The projection lets two streams change one document.
    #[error(transparent)]
    OwnedByAnother(#[from] OwnedByAnother),
    /// The database can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// No process maintains the read model, so it won't reach the log's end.
    #[error("nobody runs {key}: it stays at {applied}, and the log ends at {end}")]
    NobodyThere {
        /// Name and version of the projection.
        key: String,
        /// The commits that it has applied.
        applied: Position,
        /// The last commits of the log.
        end: Position,
    },
    /// The process that maintains the read model can't continue.
    #[error("{key} halted at {applied}, and the log ends at {end}: {why}")]
    Halted {
        /// Name and version of the projection.
        key: String,
        /// The commits that it has applied.
        applied: Position,
        /// The last commits of the log.
        end: Position,
        /// Why.
        why: String,
    },
    /// The read model doesn't reach the log's end.
    #[error("{key} stays at {applied}, and the log ends at {end}")]
    Behind {
        /// Name and version of the projection.
        key: String,
        /// The commits that it has applied.
        applied: Position,
        /// The last commits of the log.
        end: Position,
    },
}

/// Limit for documents of a replay in memory at once; some hundred bytes each.
const DOCUMENTS: usize = 150_000;
/// Interval of progress reports, in commits.
const TELL: u64 = 1_024;

/// A part of all documents, by their IDs: those with this remainder.
#[derive(Clone, Copy, Debug)]
struct Part {
    divisor: u128,
    rest: u128,
}

impl Part {
    const WHOLE: Self = Self {
        divisor: 1,
        rest: 0,
    };

    fn has(self, id: &DocumentId) -> bool {
        id.spread() % self.divisor == self.rest
    }

    fn halves(self) -> [Self; 2] {
        let divisor = 2 * self.divisor;
        [self.rest, self.rest + self.divisor].map(|rest| Self { divisor, rest })
    }
}

/// A replay in memory, of a part of the documents.
struct Replay {
    part: Part,
    /// As bytes: a document of names and values takes several times as much memory.
    documents: HashMap<DocumentId, Folded>,
    streams: Vec<StreamName>,
    at: Position,
}

/// A document without its ID.
struct Folded {
    origin: Origin,
    fields: RawDocumentBuf,
}

/// Replays a projection's streams in memory, compares the result with the stored documents, byte for
/// byte, and returns the first difference.
///
/// May run while commands are executed: documents that change in the meantime are replayed and
/// compared again. Memory is limited: a large read model is compared in parts, with one replay of
/// the streams per part.
///
/// # Errors
/// When the comparison can't be made; that proves nothing about the read model.
pub async fn verify<P: Projection>(
    projection: &P,
    log: &Log,
    store: &dyn ReadStore,
) -> Result<Option<Difference>, VerifyError> {
    verify_with(projection, log, store, DOCUMENTS, |_, _| {}).await
}

/// Like [`verify`], with a limit for documents in memory. Reports the number of replayed commits
/// and their total; for a large read model, again for each part.
///
/// # Errors
/// As [`verify`].
pub async fn verify_with<P: Projection>(
    projection: &P,
    log: &Log,
    store: &dyn ReadStore,
    documents: usize,
    mut progress: impl FnMut(u64, u64) + Send,
) -> Result<Option<Difference>, VerifyError> {
    let mut open = vec![Part::WHOLE];
    while let Some(part) = open.pop() {
        let mut replay = Replay::of(part, projection.streams());
        let end = ends_of(log, &replay.streams).await?;
        let fits = replay
            .run(projection, log, &end, documents, &mut progress)
            .await?;
        if !fits {
            open.extend(part.halves());
            continue;
        }
        let difference = compare(replay, projection, log, store).await?;
        if difference.is_some() {
            return Ok(difference);
        }
    }
    Ok(None)
}

/// Compares the stored documents with a replay.
async fn compare<P: Projection>(
    mut replay: Replay,
    projection: &P,
    log: &Log,
    store: &dyn ReadStore,
) -> Result<Option<Difference>, VerifyError> {
    wait_until_applied(projection, store, &replay.at).await?;

    // Documents that differ at first may just have changed between replay and comparison.
    let mut suspects = Vec::new();
    let mut seen = 0_usize;
    let stored = store.documents(&projection.key()).await;
    let mut stored = stored.map_err(ReadError::from)?;
    while let Some(found) = stored.try_next().await.map_err(ReadError::from)? {
        let Some(id) = DocumentId::of(&found) else {
            let stored = Document::try_from(&found).ok();
            let id = stored.as_ref().and_then(|stored| stored.get("_id"));
            return Ok(Some(Difference {
                id: id.map(ToString::to_string).unwrap_or_default(),
                replayed: None,
                stored,
            }));
        };
        if !replay.part.has(&id) {
            continue;
        }
        let found = undeleted(found);
        seen += usize::from(found.is_some());
        if replay.stored(&id) != found {
            suspects.push(id);
        }
    }
    if seen < replay.documents.len() || !suspects.is_empty() {
        suspects.extend(replay.documents.keys().cloned());
    }
    for id in suspects {
        if let Some(difference) = judge(&id, &mut replay, projection, log, store).await? {
            return Ok(Some(difference));
        }
    }
    Ok(None)
}

/// Compares one document with the replay, at the commit that the document reflects.
async fn judge<P: Projection>(
    id: &DocumentId,
    replay: &mut Replay,
    projection: &P,
    log: &Log,
    store: &dyn ReadStore,
) -> Result<Option<Difference>, VerifyError> {
    let key = projection.key();
    for waited in [false, true] {
        if waited {
            // Documents of one batch are written in any order, so one may reflect a commit that
            // another still lacks.
            wait_until_applied(projection, store, &replay.at).await?;
        }
        let found = bounds::read(store.document(&key, id)).await?;
        if let Some(found) = &found {
            let reflected = replay.reflected(found);
            replay.catch_up(projection, log, &reflected).await?;
        }
        let (replayed, found) = (replay.stored(id), found.and_then(undeleted));
        if replayed == found {
            return Ok(None);
        }
        if waited {
            let document = |raw: RawDocumentBuf| Document::try_from(&raw).ok();
            return Ok(Some(Difference {
                id: id.to_string(),
                replayed: replayed.and_then(document),
                stored: found.and_then(document),
            }));
        }
    }
    Ok(None)
}

impl Replay {
    fn of(part: Part, streams: Vec<StreamName>) -> Self {
        Self {
            part,
            documents: HashMap::new(),
            streams,
            at: Position::default(),
        }
    }

    /// Replays up to a position, unless there are more documents than the limit; returns whether it
    /// did.
    async fn run<P: Projection>(
        &mut self,
        projection: &P,
        log: &Log,
        to: &Position,
        limit: usize,
        progress: &mut (impl FnMut(u64, u64) + Send),
    ) -> Result<bool, VerifyError> {
        for stream in self.streams.clone() {
            let from = self.at.of(stream) + 1;
            if to.of(stream) < from {
                continue;
            }
            let commits = log.reader().range(stream, from, to.of(stream)).await?;
            let mut commits = Box::pin(commits);
            while let Some(commit) = commits.next().await {
                let commit = commit?;
                for change in projection.fold(&commit)? {
                    self.apply(Origin::of(&self.streams, stream, commit.sequence), change)?;
                }
                // A replay never ends within a message.
                if !commit.is_last {
                    continue;
                }
                if self.documents.len() > limit {
                    return Ok(false);
                }
                self.at.raise(stream, commit.sequence);
                let done = self.at.total();
                if done.is_multiple_of(TELL) || done == to.total() {
                    progress(done, to.total());
                }
            }
        }
        Ok(true)
    }

    async fn catch_up<P: Projection>(
        &mut self,
        projection: &P,
        log: &Log,
        to: &Position,
    ) -> Result<(), VerifyError> {
        self.run(projection, log, to, usize::MAX, &mut |_, _| {})
            .await
            .map(|_| ())
    }

    /// The commit that a stored document reflects.
    fn reflected(&self, document: &RawDocumentBuf) -> Position {
        let sequence = document.get_i64(SEQ).map_or(0, unsigned);
        let named = document.get_str(STREAM).ok();
        let is_of = |stream: &&StreamName| named.is_none_or(|named| named == stream.as_str());
        let stream = self.streams.iter().find(is_of);
        stream.map_or_else(Position::default, |stream| Position::at(*stream, sequence))
    }

    fn apply(&mut self, origin: Origin, change: Change) -> Result<(), VerifyError> {
        let (id, fields) = match change {
            Change::Put { ref id, .. }
            | Change::Patch { ref id, .. }
            | Change::Delete { ref id }
                if !self.part.has(id) =>
            {
                return Ok(());
            }
            Change::Delete { id } => {
                self.check_owner(&id, origin)?;
                self.documents.remove(&id);
                return Ok(());
            }
            Change::Put { id, doc } => (id, doc),
            Change::Patch { id, set } => {
                let Some(mut fields) = self.fields(&id) else {
                    return Ok(());
                };
                fields.extend(set);
                (id, fields)
            }
        };
        self.check_owner(&id, origin)?;
        // Only a key with a zero byte can't be encoded, and no field name has one.
        if let Ok(fields) = RawDocumentBuf::try_from(&fields) {
            self.documents.insert(id, Folded { origin, fields });
        }
        Ok(())
    }

    fn check_owner(&self, id: &DocumentId, origin: Origin) -> Result<(), OwnedByAnother> {
        let owner = self.documents.get(id).and_then(|found| found.origin.stream);
        OwnedByAnother::check(id, origin.stream, owner.map(StreamName::as_str))
    }

    fn fields(&self, id: &DocumentId) -> Option<Document> {
        Document::try_from(&self.documents.get(id)?.fields).ok()
    }

    fn stored(&self, id: &DocumentId) -> Option<RawDocumentBuf> {
        let write = Write {
            origin: self.documents.get(id)?.origin,
            whole: true,
            fields: self.fields(id)?,
        };
        RawDocumentBuf::try_from(&write.stored(id)).ok()
    }
}

async fn wait_until_applied<P: Projection>(
    projection: &P,
    store: &dyn ReadStore,
    end: &Position,
) -> Result<(), VerifyError> {
    let key = projection.key();
    let began = Instant::now();
    let mut kept_at = began;
    loop {
        let checkpoint = bounds::read(store.checkpoint(&key)).await?;
        let applied = checkpoint.as_ref().map(Checkpoint::position);
        let applied = applied.unwrap_or_default();
        if applied.reaches(end) {
            return Ok(());
        }
        let end = end.clone();
        let halted = checkpoint.and_then(|checkpoint| {
            // The process may already be past that: it records its position at intervals.
            let stuck = checkpoint.stuck.filter(|_| began.elapsed() > HANDOVER);
            checkpoint.halted.or(stuck)
        });
        if let Some(why) = halted {
            return Err(VerifyError::Halted {
                key,
                applied,
                end,
                why,
            });
        }
        let lease = store.lease(&key).await.map_err(ReadError::from)?;
        if lease.held {
            kept_at = Instant::now();
        } else if kept_at.elapsed() > HANDOVER {
            return Err(VerifyError::NobodyThere { key, applied, end });
        }
        if began.elapsed() > CATCH_UP {
            return Err(VerifyError::Behind { key, applied, end });
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Nothing, for what stays of a document that was deleted.
fn undeleted(document: RawDocumentBuf) -> Option<RawDocumentBuf> {
    let is_tombstone = document.get(DELETED).is_ok_and(|field| field.is_some());
    Some(document).filter(|_| !is_tombstone)
}
