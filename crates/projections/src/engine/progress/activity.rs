//! Whether this process is the one that folds.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant, SystemTime},
};

use super::Progress;

impl Progress {
    /// Whether this process leads, and no other.
    pub(crate) fn is_active(&self) -> bool {
        self.is_active_at(SystemTime::now())
    }

    /// Either clock ends it: the monotonic one stops while the machine is suspended, and another
    /// process leads by the time it resumes. A system clock that jumps ahead costs some reads of
    /// the database until the next renewal.
    pub(super) fn is_active_at(&self, wall: SystemTime) -> bool {
        self.millis() < self.inner.active_until.load(Ordering::SeqCst)
            && wall_millis(wall) < self.inner.active_until_by_wall.load(Ordering::SeqCst)
    }

    /// Whether this process may answer questions about its position: it leads, and is as far as
    /// every earlier announcement.
    pub(crate) fn may_answer(&self) -> bool {
        self.is_active() && self.ready().is_ok() && !self.is_uncertain()
    }

    /// Sets until when this process leads.
    pub(crate) fn active_until(&self, until: Option<Instant>) {
        let millis = until.map_or(0, |until| {
            let after = until.saturating_duration_since(self.inner.began);
            u64::try_from(after.as_millis()).unwrap_or(u64::MAX)
        });
        let left = until.map_or(Duration::ZERO, |until| {
            until.saturating_duration_since(Instant::now())
        });
        let by_wall = wall_millis(SystemTime::now() + left);
        let by_wall = if until.is_some() { by_wall } else { 0 };
        self.inner
            .active_until_by_wall
            .store(by_wall, Ordering::SeqCst);
        self.inner.active_until.store(millis, Ordering::SeqCst);
    }
}

fn wall_millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
