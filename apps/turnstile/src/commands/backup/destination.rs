//! Where backups are: a folder, or an object store. Both know objects by name, and no more.

use serde::{Serialize, de::DeserializeOwned};
use std::path::{Path, PathBuf};

use super::{CommandError, s3::Bucket};

#[derive(Debug)]
pub(super) enum Destination {
    Folder(PathBuf),
    Bucket(Box<Bucket>),
}

impl Destination {
    pub(super) fn of(text: &str) -> Result<Self, CommandError> {
        match text.strip_prefix("s3://") {
            Some(rest) => Ok(Self::Bucket(Box::new(Bucket::of(rest)?))),
            None if text.contains("://") => Err(CommandError::Failed(format!(
                "{text} is neither a folder nor s3://BUCKET/PREFIX"
            ))),
            None => Ok(Self::Folder(text.into())),
        }
    }

    /// Begins a backup of this name: in a folder, nobody else may have.
    pub(super) async fn begin(&self, backup: &str) -> Result<(), CommandError> {
        let Self::Folder(folder) = self else {
            return Ok(());
        };
        let folder = folder.clone();
        let path = folder.join(backup);
        blocking(move || {
            std::fs::create_dir_all(&folder)
                .map_err(|error| named(&folder, &error))
                .and_then(|()| std::fs::create_dir(&path).map_err(|error| named(&path, &error)))
        })
        .await
    }

    /// Takes away what a backup that came to nothing has left in its folder. An object store keeps
    /// it: rights to write backups there seldom are rights to delete them.
    pub(super) async fn discard(&self, backup: &str) {
        if let Self::Folder(folder) = self {
            let path = folder.join(backup);
            // Why the backup failed is what is told.
            let _ = blocking(move || {
                std::fs::remove_dir_all(&path).map_err(|error| named(&path, &error))
            })
            .await;
        }
    }

    pub(super) async fn put(&self, object: &str, bytes: Vec<u8>) -> Result<(), CommandError> {
        match self {
            Self::Bucket(bucket) => bucket.put(object, bytes).await,
            Self::Folder(folder) => {
                let (folder, object) = (folder.clone(), object.to_owned());
                blocking(move || write(&folder, &object, &bytes)).await
            }
        }
    }

    pub(super) async fn get(&self, object: &str) -> Result<Vec<u8>, CommandError> {
        match self {
            Self::Bucket(bucket) => bucket.get(object).await,
            Self::Folder(folder) => {
                let file = folder.join(object);
                blocking(move || std::fs::read(&file).map_err(|error| named(&file, &error))).await
            }
        }
    }

    pub(super) async fn put_json(
        &self,
        object: &str,
        value: &impl Serialize,
    ) -> Result<(), CommandError> {
        let bytes = serde_json::to_vec_pretty(value)
            .map_err(|error| CommandError::Failed(format!("{object}: {error}")))?;
        self.put(object, bytes).await
    }

    pub(super) async fn get_json<T: DeserializeOwned>(
        &self,
        object: &str,
    ) -> Result<T, CommandError> {
        let bytes = self.get(object).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| CommandError::Failed(format!("{object}: {error}")))
    }
}

/// A file appears under its name when it is on the disk as a whole, and not before.
fn write(folder: &Path, object: &str, bytes: &[u8]) -> Result<(), CommandError> {
    use std::io::Write as _;
    let path = folder.join(object);
    let half = path.with_extension("part");
    let written = || {
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        let mut file = std::fs::File::create(&half)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&half, &path)
    };
    written().map_err(|error| {
        let _ = std::fs::remove_file(&half);
        named(&path, &error)
    })
}

fn named(path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::Failed(format!("{}: {error}", path.display()))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CommandError> + Send + 'static,
) -> Result<T, CommandError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| CommandError::Failed(error.to_string()))?
}
