//! Lists read models, pauses and resumes them, and removes those that are no longer used.

use futures_util::TryStreamExt;
use mongodb::{
    Collection,
    bson::{Document, doc},
    error::ErrorKind,
};

use crate::{
    ReadError, ReadStore, RebuildProgress,
    engine::{
        checkpoint::{COLLECTION, Checkpoint, Checkpoints},
        lease::Lease,
        rebuild::{forget, under_way},
    },
    error::RunnerError,
    projection::rebuilt_key,
};

/// A read model as it is recorded in the database.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadModel {
    /// Name and version ([`crate::Projection::key`]).
    pub key: String,
    /// The last commit that its documents reflect, or one shortly before.
    pub sequence: u64,
    /// Whether a process is maintaining it right now.
    pub kept: bool,
    /// Whether an operator paused it.
    pub paused: bool,
    /// Progress of an unfinished rebuild.
    pub rebuilding: Option<RebuildProgress>,
    /// Why it is halted: it was filled from another log, which only a rebuild resolves, or the
    /// release that tried last can't fold the next commit.
    pub halted: Option<String>,
}

/// Why a read model can't be retired.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetireError {
    /// A process is maintaining it.
    #[error("{0} is in use: stop what runs it first")]
    InUse(String),
    /// MongoDB can't be reached.
    #[error(transparent)]
    Unavailable(#[from] ReadError),
}

impl From<RunnerError> for RetireError {
    fn from(failure: RunnerError) -> Self {
        Self::Unavailable(failure.into())
    }
}

/// Lists every read model in the database, including versions that no process runs any more.
///
/// # Errors
/// When MongoDB can't be reached.
pub async fn read_models(store: &ReadStore) -> Result<Vec<ReadModel>, ReadError> {
    let checkpoints = Checkpoints::new(store);
    let mut models = Vec::new();
    for checkpoint in checkpoints.all().await? {
        let kept = Lease::is_held(store, &checkpoint.key);
        let kept = kept.await?;
        let paused = Lease::is_paused(store, &checkpoint.key);
        let paused = paused.await?;
        models.push(ReadModel {
            sequence: checkpoint.sequence(),
            kept,
            paused,
            rebuilding: under_way(store, &checkpoint.key).await?,
            key: checkpoint.key,
            halted: checkpoint.halted.or(checkpoint.stuck),
        });
    }
    Ok(models)
}

/// Evidence in read models of a log that existed before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoldedBefore {
    /// No read model was filled from a log with commits.
    Nothing,
    /// This one was, by name and version.
    By(String),
    /// The user of this process may not read them: it maintains none itself.
    NotShown,
}

/// Whether a read model was filled from a log with commits: then that log existed before.
///
/// # Errors
/// When MongoDB can't be reached.
pub async fn folded_before(store: &ReadStore) -> Result<FoldedBefore, ReadError> {
    /// `Unauthorized`, in MongoDB's list of error codes.
    const UNAUTHORIZED: i32 = 13;
    let checkpoints = store.database().collection::<Checkpoint>(COLLECTION);
    let found = match checkpoints.find(doc! {}).await {
        Ok(found) => found,
        Err(error) => {
            return match &*error.kind {
                ErrorKind::Command(refused) if refused.code == UNAUTHORIZED => {
                    Ok(FoldedBefore::NotShown)
                }
                _ => Err(error.into()),
            };
        }
    };
    let all: Vec<Checkpoint> = found.try_collect().await?;
    let folded = all.into_iter().find(|checkpoint| checkpoint.sequence() > 0);
    Ok(folded.map_or(FoldedBefore::Nothing, |checkpoint| {
        FoldedBefore::By(checkpoint.key)
    }))
}

/// Pauses a read model: no process folds it until [`resume`]. It takes effect within about a
/// second.
///
/// Reads that need later commits wait and then fail; others are answered.
///
/// # Errors
/// When MongoDB can't be reached.
pub async fn pause(store: &ReadStore, key: &str) -> Result<(), ReadError> {
    set_paused(store, key, true).await
}

/// Resumes a read model after [`pause`].
///
/// # Errors
/// When MongoDB can't be reached.
pub async fn resume(store: &ReadStore, key: &str) -> Result<(), ReadError> {
    set_paused(store, key, false).await
}

async fn set_paused(store: &ReadStore, key: &str, paused: bool) -> Result<(), ReadError> {
    let set = Lease::set_paused(store, key, paused).await;
    Ok(set?)
}

/// Deletes a read model and its records: an old version, once a newer one serves. A version that
/// runs again is filled again.
///
/// # Errors
/// [`RetireError::InUse`] when a process is maintaining it.
pub async fn retire(store: &ReadStore, key: &str) -> Result<(), RetireError> {
    if Lease::is_held(store, key).await? {
        return Err(RetireError::InUse(key.to_owned()));
    }
    for name in [key.to_owned(), rebuilt_key(key)] {
        let collection: Collection<Document> = store.database().collection(&name);
        store.bounded(collection.drop()).await?;
    }
    forget(store, key).await?;
    Checkpoints::new(store).remove(key).await?;
    Ok(Lease::remove(store, key).await?)
}
