//! Watches the servers that the API needs, and closes the gate while one is unavailable.

use eventstore::{Log, StoreError, StreamsFound};
use httpkit::{Gate, Unready};
use projections::{FoldedBefore, MongoStore};
use std::time::Duration;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::StartError;

const NATS: &str = "NATS";
const MONGODB: &str = "MongoDB";
/// The name of the streams in the gate while they are not known to exist.
const STREAMS: &str = "streams";
/// The public description of an unavailable dependency; the details are in the log.
const NOT_CONNECTED: &str = "not connected";
const NO_ANSWER: &str = "does not answer";
/// Interval of the checks.
const EVERY: Duration = Duration::from_millis(500);
/// Number of consecutive failures after which a dependency counts as unavailable: a busy moment is
/// no outage, and requests have their own time limits.
const MISSES: u32 = 3;
/// Number of failures after which a connected server is left for another: it may be cut off from
/// the others, and the client never leaves it by itself.
const MOVE_ON: u32 = 4;

/// Waits until the log answers and its streams exist; creates them in a new installation. A server
/// that rejects this process is an error: that is permanent, and must be reported.
pub(crate) async fn wait_for_log(
    log: &Log,
    read: Option<&MongoStore>,
    gate: &Gate,
) -> Result<(), StartError> {
    let mut connection = log.connection();
    let mut misses = 0;
    let mut lacking = Lacking::nothing(gate);
    loop {
        // Without a connection a request waits in the client for many seconds; the missing
        // dependency must be reported before that.
        let connected = connection.wait_for(|connected| *connected);
        let connected = tokio::time::timeout(EVERY, connected).await.is_ok();
        if !connected && !log.is_connected() {
            gate.down(NATS, NOT_CONNECTED);
            misses += 1;
            if misses % MISSES == 0
                && let Err(refused @ StoreError::Rejected(_)) = log.probe().await
            {
                return Err(refused.into());
            }
            continue;
        }
        match arrive(log, read).await {
            Ok(()) => {
                lacking.say(None);
                gate.up(NATS);
                return Ok(());
            }
            Err(Arrival::Lacks(missing, cause)) => {
                gate.up(NATS);
                lacking.say(Some((missing, cause)));
            }
            Err(Arrival::Failed(fault)) if fault.is_transient() => {
                gate.down_with_cause(NATS, NO_ANSWER, fault.to_string());
            }
            Err(Arrival::Failed(fault)) => return Err(fault.into()),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Logs a missing dependency once, until it is available.
struct Lacking<'a> {
    gate: &'a Gate,
    told: Option<String>,
}

impl<'a> Lacking<'a> {
    fn nothing(gate: &'a Gate) -> Self {
        Self { gate, told: None }
    }

    fn say(&mut self, missing: Option<(Unready, String)>) {
        let name = missing.as_ref().map(|(missing, _)| missing.name.clone());
        if let Some((missing, cause)) = missing {
            self.gate
                .down_with_cause(&missing.name, missing.reason, cause);
        }
        if let Some(before) = self.told.take().filter(|told| Some(told) != name.as_ref()) {
            self.gate.up(&before);
        }
        self.told = name;
    }
}

/// Why the streams can't be used yet.
enum Arrival {
    /// A dependency is missing that may become available.
    Lacks(Unready, String),
    Failed(StoreError),
}

impl From<StoreError> for Arrival {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::StreamMissing { stream, .. } => Self::Lacks(
                Unready::new(format!("stream {stream}"), "is missing"),
                format!(
                    "{error}. `turnstile restore` puts a backup back; `turnstile streams init` makes \
                     the streams of a new installation"
                ),
            ),
            error => Self::Failed(error),
        }
    }
}

/// Checks the streams, and creates them where neither they nor the read models show that a log
/// existed before.
async fn arrive(log: &Log, read: Option<&MongoStore>) -> Result<(), Arrival> {
    if log.streams().check().await? == StreamsFound::NewInstallation {
        not_known_to_read_models(read).await?;
    }
    Ok(log.streams().ensure().await?)
}

/// An empty log was either never used, or lost as a whole. Read models that contain data prove the
/// latter. A process that can't read them creates nothing, and waits for one that can.
async fn not_known_to_read_models(read: Option<&MongoStore>) -> Result<(), Arrival> {
    let lacks = |reason, cause| Err(Arrival::Lacks(Unready::new(STREAMS, reason), cause));
    if let Some(read) = read
        && let Err(error) = read.ping().await
    {
        let missing = Unready::new(MONGODB, NO_ANSWER);
        return Err(Arrival::Lacks(missing, error.to_string()));
    }
    let Some(read) = read else {
        let cause = "a service that keeps read models makes them, or `turnstile streams init`";
        return lacks("are not made yet", cause.to_owned());
    };
    match projections::folded_before(read).await {
        Ok(FoldedBefore::Nothing) => Ok(()),
        Ok(FoldedBefore::NotShown) => {
            let cause = "a service that keeps read models makes them, or `turnstile streams init`";
            lacks("are not made yet", cause.to_owned())
        }
        Ok(FoldedBefore::By(model)) => lacks(
            "are gone",
            format!(
                "the log is empty, and the read model {model} was made from one: it was lost, or \
                 this isn't the server that holds it. `turnstile restore` puts a backup back; to \
                 begin anew, delete the database of the read models, too"
            ),
        ),
        Err(error) => lacks(
            "are not made yet",
            format!("the read models can't be asked whether there was a log before: {error}"),
        ),
    }
}

/// Waits until the database answers.
pub(crate) async fn wait_for_database(read: &MongoStore, gate: &Gate) {
    while let Err(error) = read.ping().await {
        gate.down_with_cause(MONGODB, NO_ANSWER, error);
        tokio::time::sleep(EVERY).await;
    }
    gate.up(MONGODB);
}

/// Closes the gate while the log is unavailable. A lost connection is noticed at once; a server
/// that is frozen or cut off from the others keeps its connections, so this also sends it requests,
/// and leaves it if it doesn't answer.
pub(crate) async fn watch_log(log: Log, gate: Gate, stopping: CancellationToken) {
    let mut connection = log.connection();
    let mut misses: u32 = 0;
    // A request that timed out has already used up its pause.
    let mut next = tokio::time::interval(EVERY);
    next.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        if !log.is_connected() {
            gate.down(NATS, NOT_CONNECTED);
        } else if let Err(error) = log.ping().await {
            misses += 1;
            if misses >= MISSES {
                gate.down_with_cause(NATS, NO_ANSWER, &error);
            }
            if misses.is_multiple_of(MOVE_ON) && log.move_on().await {
                tracing::warn!(%error, "leaving this server of NATS for another");
            }
        } else {
            misses = 0;
            gate.up(NATS);
        }
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = connection.changed() => {}
            _ = next.tick() => {}
        }
    }
}

/// Closes the gate while the database is away.
pub(crate) async fn watch_database(read: MongoStore, gate: Gate, stopping: CancellationToken) {
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
                    gate.down_with_cause(MONGODB, NO_ANSWER, error);
                }
            }
        }
        let wait = tokio::time::sleep(EVERY);
        if stopping.run_until_cancelled(wait).await.is_none() {
            return;
        }
    }
}
