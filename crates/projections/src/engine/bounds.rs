//! What may take how long, and what ends it.

use std::future::Future;
use tokio::{sync::watch, time::timeout};

use crate::{
    ReadError, ReadStoreError,
    error::RunnerError,
    store::{READ_BOUND, StoreResult},
};

/// Asks the store on behalf of a reader, within the bound of a read.
pub(crate) async fn read<T>(asked: impl Future<Output = StoreResult<T>>) -> Result<T, ReadError> {
    let late = |_| {
        ReadError::from(ReadStoreError::Slow {
            store: "the read store",
        })
    };
    Ok(timeout(READ_BOUND, asked).await.map_err(late)??)
}

/// Records how far documents were written, unless MongoDB failed since.
///
/// If a server dies while the record is in transit, the driver waits for a server and repeats it.
/// The record would then attribute to the new server what the dead one had; and writes that were
/// lost with it would be missing for good.
pub(crate) async fn abort_on_fault<T>(
    faults: &mut watch::Receiver<u64>,
    record: impl Future<Output = Result<T, RunnerError>>,
) -> Result<T, RunnerError> {
    tokio::select! {
        // In this order: the fault is counted before the driver repeats anything.
        biased;
        Ok(()) = faults.changed() => Err(RunnerError::Fault),
        recorded = record => recorded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_record_is_abandoned_while_mongodb_has_faults() {
        let (counter, mut faults) = watch::channel(0);
        let made = abort_on_fault(&mut faults, async { Ok("made") }).await;
        assert_eq!(made.unwrap(), "made");
        let under_way = abort_on_fault(&mut faults, async {
            counter.send_replace(1);
            // The server is back, and the driver repeats the record to it.
            tokio::task::yield_now().await;
            Ok("made of another server")
        });
        let given_up = under_way.await;
        assert!(matches!(given_up, Err(RunnerError::Fault)), "{given_up:?}");
        counter.send_replace(2);
        let too_late = abort_on_fault(&mut faults, async { Ok("made") }).await;
        assert!(matches!(too_late, Err(RunnerError::Fault)), "{too_late:?}");
    }
}
