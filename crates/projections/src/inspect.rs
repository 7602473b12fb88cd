//! What an operator wants to know of the read models, and what to do about those that are over.

use mongodb::{Collection, bson::Document};

use crate::{
    ReadError, ReadStore, checkpoint::Checkpoints, error::Trouble, lease::Lease, rebuild::forget,
};

/// A read model as it is recorded in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadModel {
    /// Name and version ([`crate::Projection::key`]).
    pub key: String,
    /// The last commit that its documents reflect, or one shortly before.
    pub sequence: u64,
    /// Whether a process keeps it up to date right now.
    pub kept: bool,
    /// Why it doesn't go on, if it was found to be of another log. Only a rebuild ends this.
    pub halted: Option<String>,
}

/// A read model can't be retired.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetireError {
    /// A process keeps it up to date.
    #[error("{0} is in use: stop what runs it first")]
    InUse(String),
    /// MongoDB can't be reached.
    #[error(transparent)]
    Unavailable(#[from] ReadError),
}

impl From<Trouble> for RetireError {
    fn from(trouble: Trouble) -> Self {
        Self::Unavailable(ReadError::Unavailable(trouble.to_string()))
    }
}

/// Every read model in the database, also those of versions that nobody runs any more.
///
/// # Errors
/// When MongoDB can't be reached.
pub async fn read_models(store: &ReadStore) -> Result<Vec<ReadModel>, ReadError> {
    let unavailable = |trouble: Trouble| ReadError::Unavailable(trouble.to_string());
    let checkpoints = Checkpoints::new(store);
    let mut models = Vec::new();
    for checkpoint in checkpoints.all().await.map_err(unavailable)? {
        let kept = Lease::is_held(store, &checkpoint.key);
        models.push(ReadModel {
            sequence: checkpoint.sequence(),
            kept: kept.await.map_err(unavailable)?,
            key: checkpoint.key,
            halted: checkpoint.halted,
        });
    }
    Ok(models)
}

/// Deletes a read model and what is recorded of it: an old version, once a newer one serves. A
/// version that is run again is filled again.
///
/// # Errors
/// [`RetireError::InUse`] when a process keeps it up to date.
pub async fn retire(store: &ReadStore, key: &str) -> Result<(), RetireError> {
    if Lease::is_held(store, key).await? {
        return Err(RetireError::InUse(key.to_owned()));
    }
    for name in [key.to_owned(), format!("{key}_rebuild")] {
        let collection: Collection<Document> = store.database().collection(&name);
        store.step(collection.drop()).await?;
    }
    forget(store, key).await?;
    Checkpoints::new(store).remove(key).await?;
    Ok(Lease::remove(store, key).await?)
}
