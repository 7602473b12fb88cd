//! The location of backups: a folder, or a bucket of an object store.

use bytes::Bytes;
use httpkit::tls;
use object_store::{
    ClientOptions, ObjectStore, ObjectStoreExt as _, RetryConfig,
    aws::AmazonS3Builder,
    client::{HttpClient, HttpConnector},
    local::LocalFileSystem,
    path::Path,
    prefix::PrefixStore,
};
use serde::{Serialize, de::DeserializeOwned};
use std::{env, fmt::Display, fs, path::PathBuf, time::Duration};

use super::CliError;

/// Number of retries of a request after a transient failure.
const RETRIES: usize = 3;

/// Stores objects by name, such as `20270131T030000Z/backup.json`. An object appears under its name
/// only when it is complete.
#[derive(Debug)]
pub(super) struct Destination {
    /// The name as given, for messages.
    name: String,
    /// The folder, unless it is a bucket.
    folder: Option<PathBuf>,
    objects: Box<dyn ObjectStore>,
}

impl Destination {
    /// For reading backups from a folder or a bucket (`s3://BUCKET/PREFIX`).
    pub(super) fn open(name: &str) -> Result<Self, CliError> {
        match name.strip_prefix("s3://") {
            Some(rest) => Self::bucket(name, rest),
            None if name.contains("://") => {
                Err(failed(name, "is neither a folder nor s3://BUCKET/PREFIX"))
            }
            None => Self::folder(name),
        }
    }

    /// For writing backups; creates a missing folder.
    pub(super) fn create(name: &str) -> Result<Self, CliError> {
        if !name.contains("://") {
            fs::create_dir_all(name).map_err(|error| failed(name, error))?;
        }
        Self::open(name)
    }

    fn folder(name: &str) -> Result<Self, CliError> {
        let objects =
            LocalFileSystem::new_with_prefix(name).map_err(|error| failed(name, error))?;
        Ok(Self {
            name: name.to_owned(),
            folder: Some(name.into()),
            // A backup must survive a power cut.
            objects: Box::new(objects.with_fsync(true)),
        })
    }

    /// `rest` is the text after `s3://`.
    fn bucket(name: &str, rest: &str) -> Result<Self, CliError> {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let region = set("AWS_REGION")
            .or_else(|| set("AWS_DEFAULT_REGION"))
            .unwrap_or_else(|| "us-east-1".to_owned());
        let (Some(key), Some(secret)) = (set("AWS_ACCESS_KEY_ID"), set("AWS_SECRET_ACCESS_KEY"))
        else {
            return Err(failed(
                name,
                "an object store needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            ));
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(region)
            .with_access_key_id(key)
            .with_secret_access_key(secret)
            .with_allow_http(true)
            .with_http_connector(Connector)
            .with_retry(RetryConfig {
                max_retries: RETRIES,
                ..RetryConfig::default()
            });
        if let Some(endpoint) = set("AWS_ENDPOINT_URL") {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(token) = set("AWS_SESSION_TOKEN") {
            builder = builder.with_token(token);
        }
        let objects = builder.build().map_err(|error| failed(name, error))?;
        Ok(Self {
            name: name.to_owned(),
            folder: None,
            objects: Box::new(PrefixStore::new(objects, Path::from(prefix))),
        })
    }

    /// Begins a backup with this name: in a folder, it must not exist yet.
    pub(super) fn begin(&self, backup: &str) -> Result<(), CliError> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let path = folder.join(backup);
        fs::create_dir(&path).map_err(|error| failed(path.display(), error))
    }

    /// Removes the remains of a failed backup from its folder. An object store keeps them:
    /// permission to write backups rarely includes permission to delete them.
    pub(super) fn discard(&self, backup: &str) {
        if let Some(folder) = &self.folder {
            // The error of the backup is what is reported.
            let _ = fs::remove_dir_all(folder.join(backup));
        }
    }

    pub(super) async fn put(&self, object: &str, bytes: Vec<u8>) -> Result<(), CliError> {
        let stored = self.objects.put(&Path::from(object), bytes.into()).await;
        stored.map(drop).map_err(|error| self.failed(object, error))
    }

    pub(super) async fn get(&self, object: &str) -> Result<Bytes, CliError> {
        let found = self.objects.get(&Path::from(object)).await;
        let bytes = match found {
            Ok(found) => found.bytes().await,
            Err(error) => Err(error),
        };
        bytes.map_err(|error| self.failed(object, error))
    }

    pub(super) async fn put_json(
        &self,
        object: &str,
        value: &impl Serialize,
    ) -> Result<(), CliError> {
        let bytes = serde_json::to_vec_pretty(value).map_err(|error| failed(object, error))?;
        self.put(object, bytes).await
    }

    pub(super) async fn get_json<T: DeserializeOwned>(&self, object: &str) -> Result<T, CliError> {
        let bytes = self.get(object).await?;
        serde_json::from_slice(&bytes).map_err(|error| self.failed(object, error))
    }

    fn failed(&self, object: &str, error: impl Display) -> CliError {
        failed(format!("{}: {object}", self.name), error)
    }
}

/// Connects with the certificates that the rest of the program trusts.
#[derive(Debug)]
struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let failed =
            |source: Box<dyn std::error::Error + Send + Sync>| object_store::Error::Generic {
                store: "S3",
                source,
            };
        let tls = tls::client_config().map_err(|error| failed(error.into()))?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_mins(1))
            .build()
            .map_err(|error| failed(error.into()))?;
        Ok(HttpClient::new(client))
    }
}

fn failed(what: impl Display, why: impl Display) -> CliError {
    CliError::failed(format!("{what}: {why}"))
}
