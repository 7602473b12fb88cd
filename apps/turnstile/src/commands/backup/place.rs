//! Where backups are: a folder, or an object store. Both know objects by name, and no more.

use serde::{Serialize, de::DeserializeOwned};
use std::path::{Path, PathBuf};

use super::{CommandError, s3::Bucket};

#[derive(Debug)]
pub(super) enum Place {
    Folder(PathBuf),
    Bucket(Box<Bucket>),
}

impl Place {
    pub(super) fn of(text: &str) -> Result<Self, CommandError> {
        match text.strip_prefix("s3://") {
            Some(rest) => Ok(Self::Bucket(Box::new(Bucket::of(rest)?))),
            None if text.contains("://") => Err(CommandError::Failed(format!(
                "{text} is neither a folder nor s3://BUCKET/PREFIX"
            ))),
            None => Ok(Self::Folder(text.into())),
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
                blocking(move || {
                    std::fs::read(&file).map_err(|error| {
                        CommandError::Failed(format!("{}: {error}", file.display()))
                    })
                })
                .await
            }
        }
    }

    pub(super) async fn put_json(
        &self,
        object: &str,
        value: &impl Serialize,
    ) -> Result<(), CommandError> {
        let bytes = serde_json::to_vec_pretty(value).map_err(std::io::Error::from)?;
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
    written().map_err(|error| CommandError::Failed(format!("{}: {error}", path.display())))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CommandError> + Send + 'static,
) -> Result<T, CommandError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| CommandError::Failed(error.to_string()))?
}
