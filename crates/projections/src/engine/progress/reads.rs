//! Reads that show everything that was acknowledged.

use std::time::Duration;
use tokio::time;

use super::Progress;
use crate::{ReadError, store::READ_BOUND};

/// How long a standby waits for an announcement that is in transit.
const CATCH_UP: Duration = Duration::from_millis(50);

/// How a read may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFrom {
    /// The cache is known to include every acknowledged commit.
    Memory,
    /// Only the database is.
    Database,
}

impl Progress {
    /// Runs a read once all acknowledged commits are applied.
    ///
    /// Repeats it if MongoDB was lost in the meantime: the answer may come from a server that was
    /// restarted, or took over, and lacks the last writes.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] when they aren't applied within 2 s.
    pub async fn read<T, F, Fut>(&self, load: F) -> Result<T, ReadError>
    where
        F: Fn(ReadFrom) -> Fut,
        Fut: Future<Output = Result<T, ReadError>>,
    {
        let undisturbed = async {
            loop {
                let (source, faults) = self.admit().await;
                let loaded = load(source).await;
                if self.faults() == faults {
                    return loaded;
                }
            }
        };
        time::timeout(READ_BOUND, undisturbed)
            .await
            .unwrap_or_else(|_| {
                let why = self.ready().err();
                Err(ReadError::unavailable(why.unwrap_or_else(|| {
                    format!("{}: MongoDB did not answer in time", self.inner.name)
                })))
            })
    }

    /// Waits until all acknowledged commits are applied; returns the number of faults up to now.
    async fn admit(&self) -> (ReadFrom, u64) {
        let faults = loop {
            let faults = self.faults();
            let mut settled = self.inner.settled.subscribe();
            // `self` holds the sender, so this ends only when the condition holds.
            let _ = settled.wait_for(|settled| *settled >= faults).await;
            let mut trust = self.inner.trust.subscribe();
            let _ = trust.wait_for(|trust| self.is_trusted(*trust)).await;
            if !self.reaches_floor() {
                let floor = self.floor();
                let _waiting = self.track_waiter();
                let mut applied = self.inner.applied.subscribe();
                let _ = applied.wait_for(|applied| applied.reaches(&floor)).await;
            }
            if self.faults() == faults {
                break faults;
            }
        };
        if self.is_active() {
            return (ReadFrom::Memory, faults);
        }
        let known = self.inner.leader_query.ask().await;
        let source = match known {
            Some(applied) if self.wait_until(&applied, CATCH_UP).await => ReadFrom::Memory,
            _ => ReadFrom::Database,
        };
        (source, faults)
    }

    /// Whether MongoDB may have lost the last writes, and that wasn't checked yet.
    pub(crate) fn is_uncertain(&self) -> bool {
        *self.inner.settled.borrow() < self.faults()
    }
}
