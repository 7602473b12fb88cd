//! Steps forward, back, and to another collection.

use eventstore::StreamName;
use std::sync::{PoisonError, atomic::Ordering};

use super::{Progress, locked};
use crate::{Applied, Changed, Position};

impl Progress {
    /// Notes a step. The documents are already written.
    pub(crate) fn advance(&self, to: &Position, changed: Changed) {
        // Held throughout, so that steps are sent one after the other.
        let _lock = self.lock();
        let mut applied = self.applied();
        if !applied.reaches(to) {
            applied.merge(to);
            self.step_to(applied, changed);
        }
    }

    /// Notes that any document may have changed, with `applied` commits certain. That was read
    /// after `faults` faults.
    ///
    /// If that is fewer than before, reads wait until the rest is applied again. That is not
    /// required of another log: its commits are not those that were shown.
    pub(crate) fn restart(&self, applied: Position, origin: &str, faults: u64) {
        let mut known = self.lock();
        if known.as_deref().is_none_or(|known| known == origin) {
            self.require_locally(&self.applied());
        } else {
            locked(&self.inner.floor).clone_from(&applied);
        }
        *known = Some(origin.to_owned());
        self.step_to(applied, Changed::Any);
        // Last: a task that waits for it finds the floor raised.
        self.inner.settled.send_if_modified(|settled| {
            let news = faults > *settled;
            *settled = faults.max(*settled);
            news
        });
    }

    /// Notes that a read model was rebuilt from another log, or from one that lost its tail:
    /// earlier commits can't be waited for.
    pub(crate) fn replaced(&self, applied: Position, origin: &str) {
        let mut known = self.lock();
        *known = Some(origin.to_owned());
        locked(&self.inner.floor).clone_from(&applied);
        locked(&self.inner.end).clone_from(&applied);
        // Any floor that is raised from now on is new, however low it is.
        self.inner.raised.send_if_modified(|raised| {
            *raised = Position::default();
            false
        });
        self.step_to(applied, Changed::Any);
    }

    /// Notes the end of a stream.
    pub(crate) fn note_stream_end(&self, stream: StreamName, end: u64) {
        locked(&self.inner.end).set(stream, end);
        self.note_if_caught_up();
    }

    fn step_to(&self, to: Position, changed: Changed) {
        let caches = self.inner.caches.read();
        for cache in caches.unwrap_or_else(PoisonError::into_inner).iter() {
            cache.forget(&changed);
        }
        self.inner.applied.send_replace(to.clone());
        self.note_if_caught_up();
        // An error only means that nothing listens.
        let _ = self.inner.changes.send(Applied { to, changed });
    }

    fn note_if_caught_up(&self) {
        let end = locked(&self.inner.end).clone();
        if self.inner.applied.borrow().reaches(&end) {
            let now = self.millis();
            self.inner.caught_up_at.store(now, Ordering::Relaxed);
        }
    }
}
