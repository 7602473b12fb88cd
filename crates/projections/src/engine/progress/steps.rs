//! Steps forward, back, and to another collection.

use std::sync::{PoisonError, atomic::Ordering};

use super::Progress;
use crate::{Applied, Changed};

impl Progress {
    /// Notes a step. The documents are already written.
    pub(crate) fn advance(&self, to: u64, changed: Changed) {
        // Held throughout, so that steps are sent one after the other.
        let _lock = self.lock();
        if to > self.applied() {
            self.step_to(to, changed);
        }
    }

    /// Notes that any document may have changed, with `applied` commits certain. That was read
    /// after `faults` faults.
    ///
    /// If that is fewer than before, reads wait until the rest is applied again. That is not
    /// required of another stream: its commits are not those that were shown.
    pub(crate) fn restart(&self, applied: u64, stream: &str, faults: u64) {
        let mut known = self.lock();
        if known.as_deref().is_none_or(|known| known == stream) {
            self.require_locally(self.applied());
        } else {
            self.inner.floor.store(applied, Ordering::SeqCst);
        }
        *known = Some(stream.to_owned());
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
    pub(crate) fn replaced(&self, applied: u64, stream: &str) {
        let mut known = self.lock();
        *known = Some(stream.to_owned());
        self.inner.floor.store(applied, Ordering::SeqCst);
        self.inner.end.store(applied, Ordering::Relaxed);
        // Any floor that is raised from now on is new, however low it is.
        self.inner.raised.send_if_modified(|raised| {
            *raised = 0;
            false
        });
        self.step_to(applied, Changed::Any);
    }

    /// Notes the stream's end.
    pub(crate) fn note_stream_end(&self, end: u64) {
        self.inner.end.store(end, Ordering::Relaxed);
        self.note_if_caught_up();
    }

    fn step_to(&self, to: u64, changed: Changed) {
        let caches = self.inner.caches.read();
        for cache in caches.unwrap_or_else(PoisonError::into_inner).iter() {
            cache.forget(&changed);
        }
        self.inner.applied.send_replace(to);
        self.note_if_caught_up();
        // An error only means that nothing listens.
        let _ = self.inner.changes.send(Applied { to, changed });
    }

    fn note_if_caught_up(&self) {
        if self.applied() >= self.inner.end.load(Ordering::Relaxed) {
            let now = self.millis();
            self.inner.caught_up_at.store(now, Ordering::Relaxed);
        }
    }
}
