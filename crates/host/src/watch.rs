//! Watching what the API can't do without, and closing the gate while it is away.

use eventstore::{Log, StoreError};
use httpkit::Gate;
use projections::ReadStore;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

use crate::StartError;

const NATS: &str = "NATS";
const MONGODB: &str = "MongoDB";
/// What anybody may read of a dependency that is away; what stands behind it is in the log.
const NOT_CONNECTED: &str = "not connected";
const NO_ANSWER: &str = "does not answer";
/// How often an answer is asked for.
const EVERY: Duration = Duration::from_millis(500);
/// How many answers in a row must be missing before a dependency counts as away: a busy moment is
/// no outage, and requests have bounds of their own.
const MISSES: u32 = 3;

/// Waits until the log answers and its streams are there. A server that doesn't want this process
/// is an error: it wouldn't change its mind, and whoever started the process should be told.
pub(crate) async fn wait_for_log(log: &Log, gate: &Gate) -> Result<(), StartError> {
    let mut connection = log.connection();
    let mut misses = 0;
    loop {
        // A request made without a connection waits in the client for many seconds; whoever asks
        // what is missing must be told before.
        let connected = connection.wait_for(|connected| *connected);
        let connected = tokio::time::timeout(EVERY, connected).await.is_ok();
        if !connected {
            gate.down(NATS, NOT_CONNECTED);
            misses += 1;
            if misses % MISSES == 0
                && let Err(refused @ StoreError::Refused(_)) = log.probe().await
            {
                return Err(refused.into());
            }
            continue;
        }
        match log.ensure_streams().await {
            Ok(()) => {
                gate.up(NATS);
                return Ok(());
            }
            Err(StoreError::Unavailable(why)) => gate.down_because(NATS, NO_ANSWER, why),
            Err(fault) => return Err(fault.into()),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Waits until the database answers.
pub(crate) async fn wait_for_database(read: &ReadStore, gate: &Gate) {
    while let Err(error) = read.ping().await {
        gate.down_because(MONGODB, NO_ANSWER, error);
        tokio::time::sleep(EVERY).await;
    }
    gate.up(MONGODB);
}

/// Closes the gate while the log is away. A lost connection tells at once; a server that stands
/// still holds its connections, so it is asked as well.
pub(crate) async fn watch_log(log: Log, gate: Gate, stopping: CancellationToken) {
    let mut connection = log.connection();
    let mut misses = 0;
    loop {
        if !log.is_connected() {
            gate.down(NATS, NOT_CONNECTED);
        } else if let Err(error) = log.ping().await {
            misses += 1;
            if misses >= MISSES {
                gate.down_because(NATS, NO_ANSWER, error);
            }
        } else {
            misses = 0;
            gate.up(NATS);
        }
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = connection.changed() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Closes the gate while the database is away.
pub(crate) async fn watch_database(read: ReadStore, gate: Gate, stopping: CancellationToken) {
    let mut misses = 0;
    loop {
        match read.ping().await {
            Ok(()) => {
                misses = 0;
                gate.up(MONGODB);
            }
            Err(error) => {
                misses += 1;
                if misses >= MISSES {
                    gate.down_because(MONGODB, NO_ANSWER, error);
                }
            }
        }
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
