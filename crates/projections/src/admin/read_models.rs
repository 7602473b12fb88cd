//! Lists read models, pauses and resumes them, and removes those that are no longer used.

use crate::{
    Position, ReadError, ReadStoreError, RebuildProgress, engine::rebuild::under_way,
    projection::rebuilt_key, store::ReadStore,
};

/// A read model as it is recorded in the database.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadModel {
    /// Name and version ([`crate::Projection::key`]).
    pub key: String,
    /// The last commits that its documents reflect, or some shortly before.
    pub position: Position,
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

impl From<ReadStoreError> for RetireError {
    fn from(failure: ReadStoreError) -> Self {
        Self::Unavailable(failure.into())
    }
}

/// Lists every read model in the database, including versions that no process runs any more.
///
/// # Errors
/// When MongoDB can't be reached.
pub async fn read_models(store: &dyn ReadStore) -> Result<Vec<ReadModel>, ReadError> {
    let mut models = Vec::new();
    for checkpoint in store.checkpoints().await? {
        let lease = store.lease(&checkpoint.key).await?;
        models.push(ReadModel {
            position: checkpoint.position(),
            kept: lease.held,
            paused: lease.paused,
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
pub async fn folded_before(store: &dyn ReadStore) -> Result<FoldedBefore, ReadError> {
    let all = match store.checkpoints().await {
        Err(ReadStoreError::Forbidden { .. }) => return Ok(FoldedBefore::NotShown),
        found => found?,
    };
    let folded = all
        .into_iter()
        .find(|checkpoint| checkpoint.position().total() > 0);
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
pub async fn pause(store: &dyn ReadStore, key: &str) -> Result<(), ReadError> {
    set_paused(store, key, true).await
}

/// Resumes a read model after [`pause`].
///
/// # Errors
/// When MongoDB can't be reached.
pub async fn resume(store: &dyn ReadStore, key: &str) -> Result<(), ReadError> {
    set_paused(store, key, false).await
}

async fn set_paused(store: &dyn ReadStore, key: &str, paused: bool) -> Result<(), ReadError> {
    Ok(store.set_paused(key, paused).await?)
}

/// Deletes a read model and its records: an old version, once a newer one serves. A version that
/// runs again is filled again.
///
/// # Errors
/// [`RetireError::InUse`] when a process is maintaining it.
pub async fn retire(store: &dyn ReadStore, key: &str) -> Result<(), RetireError> {
    if store.lease(key).await?.held {
        return Err(RetireError::InUse(key.to_owned()));
    }
    for name in [key.to_owned(), rebuilt_key(key)] {
        store.drop_collection(&name).await?;
    }
    store.remove_report(key).await?;
    store.remove_checkpoint(key).await?;
    Ok(store.remove_lease(key).await?)
}
