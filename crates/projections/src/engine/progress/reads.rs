//! Reads that show everything that was acknowledged.

use std::time::Duration;
use tokio::time;

use super::Progress;
use crate::{ReadError, store::READ_BOUND};

/// How long a process that stands by waits for an announcement that is on its way.
const CATCH_UP: Duration = Duration::from_millis(50);

/// How a read may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// What is kept in memory is known to be as new as what was acknowledged.
    Memory,
    /// Only the database is.
    Database,
}

impl Progress {
    /// Runs a read when everything that was acknowledged is there.
    ///
    /// It is run again if MongoDB was lost meanwhile: the answer may come from a server that was
    /// started again, or took over, and lacks what was written last.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] when that isn't so within 2 s.
    pub async fn read<T, F, Fut>(&self, load: F) -> Result<T, ReadError>
    where
        F: Fn(Source) -> Fut,
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

    /// Waits until everything that was acknowledged is there; tells the faults up to now.
    async fn admit(&self) -> (Source, u64) {
        let faults = loop {
            let faults = self.faults();
            let mut settled = self.inner.settled.subscribe();
            // The sender is ours, so this ends when it holds.
            let _ = settled.wait_for(|settled| *settled >= faults).await;
            let mut trust = self.inner.trust.subscribe();
            let _ = trust.wait_for(|trust| self.is_trusted(*trust)).await;
            let floor = self.floor();
            if self.applied() < floor {
                let _waiting = self.track_waiter();
                let mut applied = self.inner.applied.subscribe();
                let _ = applied.wait_for(|applied| *applied >= floor).await;
            }
            if self.faults() == faults {
                break faults;
            }
        };
        if self.is_active() {
            return (Source::Memory, faults);
        }
        let known = self.inner.leader_query.ask().await;
        let source = match known {
            Some(applied) if self.wait_for(applied, CATCH_UP).await => Source::Memory,
            _ => Source::Database,
        };
        (source, faults)
    }

    /// Whether MongoDB may have lost what was written last, and nobody looked since.
    pub(crate) fn is_uncertain(&self) -> bool {
        *self.inner.settled.borrow() < self.faults()
    }
}
