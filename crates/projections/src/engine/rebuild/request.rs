//! Requests a rebuild, and reports its progress.

use mongodb::{
    Collection,
    bson::{Bson, doc},
};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use uuid::Uuid;

use crate::{ReadError, ReadStore, engine::lease::Lease, error::RunnerError};

pub(crate) const COLLECTION: &str = "projection_rebuilds";
/// Polling interval of the requester.
const LOOK: Duration = Duration::from_millis(200);
/// After this time without a sign of life, no process seems to run the projection.
const SILENCE: Duration = Duration::from_secs(15);

/// The progress of a rebuild.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RebuildProgress {
    /// Commits that are folded.
    pub done: u64,
    /// Commits in the stream.
    pub total: u64,
    /// Commits per second, on average.
    pub per_second: f64,
    /// Estimated seconds until it is complete.
    pub seconds_left: f64,
}

/// Why a rebuild didn't happen. The previous collection still serves.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RebuildError {
    /// No process runs the projection.
    #[error("nobody rebuilds {0}: no process runs that projection")]
    NobodyThere(String),
    /// It failed, with a reason for operators.
    #[error("the rebuild failed: {0}")]
    Failed(String),
    /// MongoDB can't be reached.
    #[error(transparent)]
    Unavailable(#[from] ReadError),
}

/// The progress of a rebuild, as recorded by the process that rebuilds.
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
    /// The position from which another process continues if this one dies.
    #[serde(default)]
    pub reached: Option<Reached>,
}

/// The position of the new collection.
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

/// Requests a rebuild from the process that runs a projection, and waits for its end. Calls back
/// whenever the progress changes. `key` is [`Projection::key`](crate::Projection::key).
///
/// The existing read model serves until the new one takes over; no read fails in the meantime. If
/// an earlier rebuild hasn't ended, this waits for that one and starts no other: after an
/// interruption, just request it again. If the process that rebuilds dies, another continues from
/// its position.
///
/// # Errors
/// When it fails, or no process does it.
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
                // The holder of the lease may be waiting for the log.
                if !Lease::is_held(store, key).await.map_err(ReadError::from)? {
                    return Err(RebuildError::NobodyThere(key.to_owned()));
                }
                last_sign = Instant::now();
            }
            None => {}
        }
    }
}

/// The progress of an unfinished rebuild; `None` if there is none.
pub(crate) async fn under_way(
    store: &ReadStore,
    key: &str,
) -> Result<Option<RebuildProgress>, ReadError> {
    let reports = reports(store);
    let report = store.read(reports.find_one(doc! { "_id": key })).await?;
    let open = report.filter(|report| !report.ended && report.failed.is_none());
    Ok(open.map(|report| report.progress()))
}

/// The position of a process that worked on a request and is gone; `None` if there was none.
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

/// Deletes the records of rebuilds.
pub(crate) async fn forget(store: &ReadStore, key: &str) -> Result<(), RunnerError> {
    let reports = reports(store);
    let removed = reports.delete_one(doc! { "_id": key });
    store.bounded(removed).await.map(|_| ())
}

/// Records a change of a rebuild's progress.
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
