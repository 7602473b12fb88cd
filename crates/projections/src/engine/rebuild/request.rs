//! Requests a rebuild, and reports its progress.

use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use uuid::Uuid;

use crate::{
    ReadError,
    bson_values::unsigned,
    engine::bounds,
    error::RunnerError,
    store::{Reached, ReadStore, Report},
};

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
    store: &dyn ReadStore,
    key: &str,
    mut on_progress: impl FnMut(RebuildProgress),
) -> Result<(), RebuildError> {
    let request = Uuid::new_v4().to_string();
    let asked = store.ask_for_rebuild(key, &request).await;
    let request = asked.map_err(ReadError::from)?;
    let mut last_sign = Instant::now();
    let mut last = None;
    loop {
        tokio::time::sleep(LOOK).await;
        let report = bounds::read(store.report(key)).await?;
        match report.filter(|report| report.request == request) {
            Some(report) => {
                let progress = RebuildProgress::of(&report);
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
                let lease = store.lease(key).await.map_err(ReadError::from)?;
                if !lease.held {
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
    store: &dyn ReadStore,
    key: &str,
) -> Result<Option<RebuildProgress>, ReadError> {
    let report = bounds::read(store.report(key)).await?;
    let open = report.filter(|report| !report.ended && report.failed.is_none());
    Ok(open.map(|report| RebuildProgress::of(&report)))
}

/// The position of a process that worked on a request and is gone; `None` if there was none.
pub(crate) async fn reached(
    store: &dyn ReadStore,
    key: &str,
    request: &str,
) -> Result<Option<Reached>, RunnerError> {
    let report = store.report(key).await?;
    Ok(report
        .filter(|report| report.request == request)
        .and_then(|report| report.reached))
}

/// Records a change of a rebuild's progress.
pub(crate) async fn amend(
    store: &dyn ReadStore,
    key: &str,
    request: &str,
    change: impl FnOnce(&mut Report),
) -> Result<(), RunnerError> {
    let found = store.report(key).await?;
    let mut report = found
        .filter(|report| report.request == request)
        .unwrap_or_else(|| Report::new(key, request));
    change(&mut report);
    Ok(store.put_report(&report).await?)
}

impl RebuildProgress {
    fn of(report: &Report) -> Self {
        Self {
            done: unsigned(report.done),
            total: unsigned(report.total),
            per_second: report.per_second,
            seconds_left: report.seconds_left,
        }
    }
}
