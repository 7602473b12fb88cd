//! Limits for the number of clients of the stream, and of their look-ups.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// Limit for concurrent look-ups. Each has a consumer in NATS for a moment.
const LOOK_UPS: usize = 8;

/// The limits. Clones share them.
#[derive(Clone)]
pub(crate) struct WatcherLimit {
    watchers: Arc<Semaphore>,
    look_ups: Arc<Semaphore>,
}

/// The permit of one client; released when it is dropped.
pub(crate) struct WatcherPermit {
    _held: OwnedSemaphorePermit,
    look_ups: Arc<Semaphore>,
}

impl WatcherLimit {
    /// Limits the number of clients.
    pub fn new(most: usize) -> Self {
        Self {
            watchers: Arc::new(Semaphore::new(most)),
            look_ups: Arc::new(Semaphore::new(LOOK_UPS)),
        }
    }

    /// A permit, if there is one left.
    pub fn enter(&self) -> Option<WatcherPermit> {
        let held = Arc::clone(&self.watchers).try_acquire_owned().ok()?;
        Some(WatcherPermit {
            _held: held,
            look_ups: Arc::clone(&self.look_ups),
        })
    }
}

impl WatcherPermit {
    /// Waits for a permit to look up missed changes; it is released when the result is dropped.
    pub async fn look_up(&self) -> Option<SemaphorePermit<'_>> {
        // Never closed, so this always succeeds.
        self.look_ups.acquire().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[test]
    fn a_leaving_watcher_makes_room_for_another() {
        let room = WatcherLimit::new(2);
        let (first, second) = (room.enter(), room.clone().enter());
        assert!(first.is_some() && second.is_some() && room.enter().is_none());
        drop(first);
        assert!(room.enter().is_some());
    }

    #[test]
    fn few_watchers_catch_up_at_the_same_time() {
        let room = WatcherLimit::new(100);
        let places: Vec<_> = (0..=LOOK_UPS).filter_map(|_| room.enter()).collect();
        let mut turns = Vec::new();
        for place in &places[..LOOK_UPS] {
            turns.push(place.look_up().now_or_never().unwrap());
        }
        let one_more = || places[LOOK_UPS].look_up().now_or_never();
        assert!(one_more().is_none(), "all turns are taken");
        turns.pop();
        assert!(one_more().is_some());
    }
}
