//! Asking for a rebuild, and hearing how far it is.

use mongodb::{
    Collection,
    bson::{Bson, doc},
};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use uuid::Uuid;

use crate::{ReadError, ReadStore, engine::lease::Lease, error::RunnerError};

pub(crate) const COLLECTION: &str = "projection_rebuilds";
/// How often whoever asked looks.
const LOOK: Duration = Duration::from_millis(200);
/// After so long without any sign of life nobody seems to run the projection.
const SILENCE: Duration = Duration::from_secs(15);

/// How far a rebuild is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RebuildProgress {
    /// Commits that are folded.
    pub done: u64,
    /// Commits in the stream.
    pub total: u64,
    /// Commits a second, on average.
    pub per_second: f64,
    /// How long it takes from now on, if it goes on like this.
    pub seconds_left: f64,
}

/// Why a rebuild didn't happen. What served before still serves.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RebuildError {
    /// No process runs the projection.
    #[error("nobody rebuilds {0}: no process runs that projection")]
    NobodyThere(String),
    /// It failed; why, in words for operators.
    #[error("the rebuild failed: {0}")]
    Failed(String),
    /// MongoDB can't be reached.
    #[error(transparent)]
    Unavailable(#[from] ReadError),
}

/// How far a rebuild is, as it is recorded by the one who rebuilds.
#[derive(Serialize, Deserialize)]
pub(crate) struct Report {
    #[serde(rename = "_id")]
    key: String,
    request: String,
    pub ended: bool,
    pub failed: Option<String>,
    pub done: i64,
    pub total: i64,
    pub per_second: f64,
    pub seconds_left: f64,
    /// Where another process goes on if the one that rebuilds dies.
    #[serde(default)]
    pub reached: Option<Reached>,
}

/// How far the new collection is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reached {
    /// Identity of the new collection.
    pub collection: Bson,
    /// Identity of the stream.
    pub stream_created: String,
    /// The last commit that its documents reflect, or one shortly before.
    pub sequence: i64,
    /// Identity of that commit.
    pub commit: String,
}

/// Asks the process that runs a projection to rebuild it, and waits for the end. Tells how far it
/// is whenever that changes. `key` is [`Projection::key`](crate::Projection::key).
///
/// The read model that is there serves until the new one takes over; no read fails meanwhile. A
/// rebuild that was asked for before and hasn't ended is waited for instead of begun again: whoever
/// asked and was interrupted asks once more. If the process that rebuilds dies, another goes on
/// where it was.
///
/// # Errors
/// When it fails, or nobody does it.
pub async fn rebuild(
    store: &ReadStore,
    key: &str,
    mut on_progress: impl FnMut(RebuildProgress),
) -> Result<(), RebuildError> {
    let request = Uuid::new_v4().to_string();
    let request = Lease::ask_for_rebuild(store, key, &request)
        .await
        .map_err(ReadError::from)?;
    let reports = reports(store);
    let mut last_sign = Instant::now();
    let mut last = None;
    loop {
        tokio::time::sleep(LOOK).await;
        let report = store.read(reports.find_one(doc! { "_id": key })).await?;
        match report.filter(|report| report.request == request) {
            Some(report) => {
                let progress = report.progress();
                if last.as_ref() != Some(&progress) {
                    last_sign = Instant::now();
                    on_progress(progress.clone());
                    last = Some(progress);
                }
                match (report.ended, report.failed) {
                    (_, Some(why)) => return Err(RebuildError::Failed(why)),
                    (true, None) => return Ok(()),
                    (false, None) => {}
                }
            }
            None if last_sign.elapsed() > SILENCE => {
                // Whoever has the lease may be waiting for the log.
                if !Lease::is_held(store, key).await.map_err(ReadError::from)? {
                    return Err(RebuildError::NobodyThere(key.to_owned()));
                }
                last_sign = Instant::now();
            }
            None => {}
        }
    }
}

/// How far a rebuild is that hasn't ended; `None` if there is none.
pub(crate) async fn under_way(
    store: &ReadStore,
    key: &str,
) -> Result<Option<RebuildProgress>, ReadError> {
    let reports = reports(store);
    let report = store.read(reports.find_one(doc! { "_id": key })).await?;
    let open = report.filter(|report| !report.ended && report.failed.is_none());
    Ok(open.map(|report| report.progress()))
}

/// How far the process was that worked on a request and is gone; `None` if none did.
pub(crate) async fn reached(
    store: &ReadStore,
    key: &str,
    request: &str,
) -> Result<Option<Reached>, RunnerError> {
    let reports = reports(store);
    let report = store.bounded(reports.find_one(doc! { "_id": key })).await?;
    Ok(report
        .filter(|report| report.request == request)
        .and_then(|report| report.reached))
}

fn reports(store: &ReadStore) -> Collection<Report> {
    store.database().collection(COLLECTION)
}

/// Deletes what is recorded of rebuilds.
pub(crate) async fn forget(store: &ReadStore, key: &str) -> Result<(), RunnerError> {
    let reports = reports(store);
    let removed = reports.delete_one(doc! { "_id": key });
    store.bounded(removed).await.map(|_| ())
}

/// Records a change of how far a rebuild is.
pub(crate) async fn amend(
    store: &ReadStore,
    key: &str,
    request: &str,
    change: impl FnOnce(&mut Report),
) -> Result<(), RunnerError> {
    let reports = reports(store);
    let found = store.bounded(reports.find_one(doc! { "_id": key })).await?;
    let mut report = found
        .filter(|report| report.request == request)
        .unwrap_or_else(|| Report::new(key, request));
    change(&mut report);
    let written = reports
        .replace_one(doc! { "_id": key }, &report)
        .upsert(true);
    store.bounded(written).await.map(|_| ())
}

impl Report {
    fn progress(&self) -> RebuildProgress {
        RebuildProgress {
            done: u64::try_from(self.done).unwrap_or(0),
            total: u64::try_from(self.total).unwrap_or(0),
            per_second: self.per_second,
            seconds_left: self.seconds_left,
        }
    }

    fn new(key: &str, request: &str) -> Self {
        Self {
            key: key.to_owned(),
            request: request.to_owned(),
            ended: false,
            failed: None,
            done: 0,
            total: 0,
            per_second: 0.0,
            seconds_left: 0.0,
            reached: None,
        }
    }
}
