//! Comparing a read model with what a replay of the log gives.

use eventstore::{Log, StoreError};
use futures_util::{StreamExt, TryStreamExt};
use mongodb::bson::{Document, RawDocumentBuf};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::{
    Change, DocumentId, FoldError, Projection, ReadError,
    bson_values::unsigned,
    engine::bounds,
    projection::DELETED,
    store::{Checkpoint, ReadStore, SEQ, Write},
};

/// How long to wait until the read model reaches the log's end.
const CATCH_UP: Duration = Duration::from_secs(30);
/// How long nobody may have the lease before nobody seems to run the read model: it is handed over
/// when a process ends, and not held while a server is away.
const HANDOVER: Duration = Duration::from_secs(2);
/// How often to look whether it did.
const LOOK: Duration = Duration::from_millis(50);

/// The first document that isn't what the log says.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Its id.
    pub id: String,
    /// What a replay gives; `None` if there should be no such document.
    pub replayed: Option<Document>,
    /// What is stored; `None` if there is none.
    pub stored: Option<Document>,
}

/// A comparison could not be made.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] StoreError),
    /// The log can't be folded.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// The database can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// No process keeps the read model up to date, so it won't reach the log's end.
    #[error("nobody runs {key}: it stays at #{applied}, and the log ends at #{end}")]
    NobodyThere {
        /// Name and version of the projection.
        key: String,
        /// The last commit that it has applied.
        applied: u64,
        /// The last commit of the log.
        end: u64,
    },
    /// The process that keeps the read model up to date can't go on.
    #[error("{key} halted at #{applied}, and the log ends at #{end}: {why}")]
    Halted {
        /// Name and version of the projection.
        key: String,
        /// The last commit that it has applied.
        applied: u64,
        /// The last commit of the log.
        end: u64,
        /// Why.
        why: String,
    },
    /// The read model doesn't reach the log's end.
    #[error("{key} stays at #{applied}, and the log ends at #{end}")]
    Behind {
        /// Name and version of the projection.
        key: String,
        /// The last commit that it has applied.
        applied: u64,
        /// The last commit of the log.
        end: u64,
    },
}

/// How many documents of a replay are in memory at once; some hundred bytes each.
const DOCUMENTS: usize = 150_000;
/// How often progress is told, in commits.
const TELL: u64 = 1_024;

/// A part of all documents, by their ids: those that leave this rest.
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
    /// As bytes: a document of names and values takes several times as much.
    documents: HashMap<DocumentId, Folded>,
    at: u64,
}

/// A document less its id.
struct Folded {
    seq: u64,
    fields: RawDocumentBuf,
}

/// Replays a projection's stream in memory and compares with what is stored, byte for byte.
/// Tells the first difference.
///
/// May run beside traffic: what changes meanwhile is replayed and looked at again. Memory is
/// bounded: of a large read model a part is compared at a time, and the stream is replayed for
/// each.
///
/// # Errors
/// When the comparison can't be made; that says nothing about the read model.
pub async fn verify<P: Projection>(
    projection: &P,
    log: &Log,
    store: &dyn ReadStore,
) -> Result<Option<Difference>, VerifyError> {
    verify_with(projection, log, store, DOCUMENTS, |_, _| {}).await
}

/// As [`verify`], with at most so many documents in memory at once. Tells how many commits of how
/// many are replayed; of a large read model, again for each part.
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
        let mut replay = Replay::of(part);
        let end = log.reader().last_sequence(projection.stream()).await?;
        let fits = replay
            .run(projection, log, end, documents, &mut progress)
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

/// Compares what is stored with a replay.
async fn compare<P: Projection>(
    mut replay: Replay,
    projection: &P,
    log: &Log,
    store: &dyn ReadStore,
) -> Result<Option<Difference>, VerifyError> {
    wait_until_applied(projection, store, replay.at).await?;

    // What differs at first may just have changed between replay and comparison.
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
            // Documents of one batch are written in any order, so one may show a commit that
            // another still lacks.
            wait_until_applied(projection, store, replay.at).await?;
        }
        let found = bounds::read(store.document(&key, id)).await?;
        replay
            .catch_up(projection, log, found.as_ref().map_or(0, seq_of))
            .await?;
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
    fn of(part: Part) -> Self {
        Self {
            part,
            documents: HashMap::new(),
            at: 0,
        }
    }

    /// Replays up to a sequence, unless there are more documents than may be in memory; says
    /// whether it did.
    async fn run<P: Projection>(
        &mut self,
        projection: &P,
        log: &Log,
        to: u64,
        limit: usize,
        progress: &mut (impl FnMut(u64, u64) + Send),
    ) -> Result<bool, VerifyError> {
        if to <= self.at {
            return Ok(true);
        }
        let commits = log
            .reader()
            .range(projection.stream(), self.at + 1, to)
            .await?;
        let mut commits = Box::pin(commits);
        while let Some(commit) = commits.next().await {
            let commit = commit?;
            for change in projection.fold(&commit)? {
                self.apply(commit.sequence, change);
            }
            if self.documents.len() > limit {
                return Ok(false);
            }
            self.at = commit.sequence;
            if self.at.is_multiple_of(TELL) || self.at == to {
                progress(self.at, to);
            }
        }
        Ok(true)
    }

    async fn catch_up<P: Projection>(
        &mut self,
        projection: &P,
        log: &Log,
        to: u64,
    ) -> Result<(), VerifyError> {
        self.run(projection, log, to, usize::MAX, &mut |_, _| {})
            .await
            .map(|_| ())
    }

    fn apply(&mut self, seq: u64, change: Change) {
        let (id, fields) = match change {
            Change::Put { ref id, .. }
            | Change::Patch { ref id, .. }
            | Change::Delete { ref id }
                if !self.part.has(id) =>
            {
                return;
            }
            Change::Delete { id } => {
                self.documents.remove(&id);
                return;
            }
            Change::Put { id, doc } => (id, doc),
            Change::Patch { id, set } => {
                let Some(mut fields) = self.fields(&id) else {
                    return;
                };
                fields.extend(set);
                (id, fields)
            }
        };
        // Only a key with a zero byte in it can't be written down, and no name of a field has one.
        if let Ok(fields) = RawDocumentBuf::try_from(&fields) {
            self.documents.insert(id, Folded { seq, fields });
        }
    }

    fn fields(&self, id: &DocumentId) -> Option<Document> {
        Document::try_from(&self.documents.get(id)?.fields).ok()
    }

    fn stored(&self, id: &DocumentId) -> Option<RawDocumentBuf> {
        let write = Write {
            seq: self.documents.get(id)?.seq,
            whole: true,
            fields: self.fields(id)?,
        };
        RawDocumentBuf::try_from(&write.stored(id)).ok()
    }
}

async fn wait_until_applied<P: Projection>(
    projection: &P,
    store: &dyn ReadStore,
    end: u64,
) -> Result<(), VerifyError> {
    let key = projection.key();
    let began = Instant::now();
    let mut kept_at = began;
    loop {
        let checkpoint = bounds::read(store.checkpoint(&key)).await?;
        let applied = checkpoint.as_ref().map_or(0, Checkpoint::sequence);
        if applied >= end {
            return Ok(());
        }
        let halted = checkpoint.and_then(|checkpoint| {
            // The process may be past that already: it records how far it is now and then.
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

fn seq_of(document: &RawDocumentBuf) -> u64 {
    document.get_i64(SEQ).map_or(0, unsigned)
}
