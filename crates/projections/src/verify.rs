//! Comparing a read model with what a replay of the log gives.

use eventstore::{Log, StoreError};
use futures_util::{StreamExt, TryStreamExt};
use mongodb::{
    Collection,
    bson::{Document, RawDocumentBuf, doc},
};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use uuid::Uuid;

use crate::{
    Change, FoldError, Projection, ReadError, ReadStore,
    batch::{SEQ, Write},
    checkpoint::Checkpoints,
    store::switched,
    stored::{unsigned, uuid},
};

/// How long to wait until the read model reaches the log's end.
const CATCH_UP: Duration = Duration::from_secs(30);
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

/// A replay in memory.
#[derive(Default)]
struct Replay {
    documents: HashMap<Uuid, Write>,
    at: u64,
}

/// Replays a projection's stream in memory and compares with what is stored, byte for byte.
/// Tells the first difference.
///
/// May run beside traffic: what changes meanwhile is replayed and looked at again. The replay is
/// held in memory.
///
/// # Errors
/// When the comparison can't be made; that says nothing about the read model.
pub async fn verify<P: Projection>(
    projection: &P,
    log: &Log,
    store: &ReadStore,
) -> Result<Option<Difference>, VerifyError> {
    let collection: Collection<RawDocumentBuf> = store.database().collection(&projection.key());
    let mut replay = Replay::default();
    replay.catch_up(projection, log, u64::MAX).await?;
    wait_until_applied(projection, store, replay.at).await?;

    // What differs at first may just have changed between replay and comparison.
    let mut suspects = Vec::new();
    let mut seen = 0_usize;
    let mut stored = collection.find(doc! {}).await.map_err(ReadError::from)?;
    while let Some(found) = stored.try_next().await.map_err(ReadError::from)? {
        seen += 1;
        let Some(id) = id_of(&found) else {
            return Ok(Some(Difference {
                id: "not a UUID".to_owned(),
                replayed: None,
                stored: Document::try_from(&found).ok(),
            }));
        };
        if replay.stored(id).as_ref() != Some(&found) {
            suspects.push(id);
        }
    }
    if seen < replay.documents.len() || !suspects.is_empty() {
        suspects.extend(replay.documents.keys());
    }
    for id in suspects {
        if let Some(difference) = judge(id, &mut replay, projection, log, store).await? {
            return Ok(Some(difference));
        }
    }
    Ok(None)
}

/// Compares one document with the replay, at the commit that the document reflects.
async fn judge<P: Projection>(
    id: Uuid,
    replay: &mut Replay,
    projection: &P,
    log: &Log,
    store: &ReadStore,
) -> Result<Option<Difference>, VerifyError> {
    let collection: Collection<RawDocumentBuf> = store.database().collection(&projection.key());
    for waited in [false, true] {
        if waited {
            // Documents of one batch are written in any order, so one may show a commit that
            // another still lacks.
            wait_until_applied(projection, store, replay.at).await?;
        }
        let find = || async { collection.find_one(doc! { "_id": uuid(id) }).await };
        let found = store.read(switched(find)).await?;
        replay
            .catch_up(projection, log, found.as_ref().map_or(0, seq_of))
            .await?;
        let replayed = replay.stored(id);
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
    async fn catch_up<P: Projection>(
        &mut self,
        projection: &P,
        log: &Log,
        to: u64,
    ) -> Result<(), VerifyError> {
        if to <= self.at {
            return Ok(());
        }
        let commits = log.read(projection.stream(), self.at + 1, to).await?;
        let mut commits = Box::pin(commits);
        while let Some(commit) = commits.next().await {
            let commit = commit?;
            for change in projection.fold(&commit)? {
                self.apply(commit.sequence, change);
            }
            self.at = commit.sequence;
        }
        Ok(())
    }

    fn apply(&mut self, seq: u64, change: Change) {
        match change {
            Change::Put { id, doc } => {
                let write = Write {
                    seq,
                    whole: true,
                    fields: doc,
                };
                self.documents.insert(id, write);
            }
            Change::Patch { id, set } => {
                if let Some(document) = self.documents.get_mut(&id) {
                    document.seq = seq;
                    document.fields.extend(set);
                }
            }
        }
    }

    fn stored(&self, id: Uuid) -> Option<RawDocumentBuf> {
        let document = self.documents.get(&id)?.clone().stored(id);
        RawDocumentBuf::try_from(&document).ok()
    }
}

async fn wait_until_applied<P: Projection>(
    projection: &P,
    store: &ReadStore,
    end: u64,
) -> Result<(), VerifyError> {
    let checkpoints = Checkpoints::new(store);
    let key = projection.key();
    let began = Instant::now();
    loop {
        let checkpoint = checkpoints.peek(&key).await?;
        let applied = checkpoint.map_or(0, |checkpoint| checkpoint.sequence());
        if applied >= end {
            return Ok(());
        }
        if began.elapsed() > CATCH_UP {
            return Err(VerifyError::Behind { key, applied, end });
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn id_of(document: &RawDocumentBuf) -> Option<Uuid> {
    let id = document.get_binary("_id").ok()?;
    Uuid::from_slice(id.bytes).ok()
}

fn seq_of(document: &RawDocumentBuf) -> u64 {
    document.get_i64(SEQ).map_or(0, unsigned)
}
