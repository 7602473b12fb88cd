//! Counts the dead letters that wait for an operator's decision, for the alert on them.

use eventstore::{Log, OpenDeadLetters, StoreError};
use metrics::{describe_gauge, gauge};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Interval of the counts. No operator decides faster, and every process counts.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Keeps `dead_letters_waiting` up to date until it is stopped.
///
/// `dead_letters_total` counts the messages that one process set aside, and is lost with the
/// process; this gauge shows the state of the log, in every process.
pub(crate) async fn watch(log: Log, stopping: CancellationToken) {
    describe_gauge!(
        "dead_letters_waiting",
        "Dead letters that wait to be retried or dropped, as the log has them"
    );
    let mut letters = OpenDeadLetters::default();
    loop {
        if let Err(error) = look(&log, &mut letters).await {
            tracing::debug!(%error, "could not count the dead letters");
        }
        let wait = tokio::time::sleep(LOOK_EVERY);
        if stopping.run_until_cancelled(wait).await.is_none() {
            return;
        }
    }
}

/// Counts again.
async fn look(log: &Log, letters: &mut OpenDeadLetters) -> Result<(), StoreError> {
    letters.catch_up(&log.dead_letters()).await?;
    let waiting = u32::try_from(letters.len()).unwrap_or(u32::MAX);
    gauge!("dead_letters_waiting").set(f64::from(waiting));
    Ok(())
}
