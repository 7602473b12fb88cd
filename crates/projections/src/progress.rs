//! How far a read model is, as one process knows it.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{broadcast, watch};
use uuid::Uuid;

use crate::{ReadError, confirm::Confirmations};

/// How long a read waits for what was acknowledged.
const FLOOR_BOUND: Duration = Duration::from_millis(1_900);
/// How long a process that stands by waits for an announcement that is on its way.
const CATCH_UP: Duration = Duration::from_millis(50);
/// Changes that a slow listener may fall behind before it is told that it missed some.
const CHANGES_KEPT: usize = 1_024;

/// Documents that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// These.
    Some(Arc<HashSet<Uuid>>),
    /// Any of them may have.
    Any,
}

/// A step of a read model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The last commit that is now applied.
    pub to: u64,
    /// What changed with it.
    pub changed: Changed,
}

/// Told of changes after the documents are written and before anybody is told that they are: what
/// it holds of them in memory must be gone when it returns.
pub trait Invalidate: Send + Sync {
    /// Forgets what changed.
    fn forget(&self, changed: &Changed);
}

/// How a read may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// What is kept in memory is known to be as new as what was acknowledged.
    Memory,
    /// Only the database is.
    Database,
}

/// How far a read model is, as this process knows it. Clones share one state.
///
/// `applied` can go back: after a fail-over of MongoDB, or when a collection was dropped, the
/// runner returns to its checkpoint. Reads then wait until what was shown before is there again.
#[derive(Clone)]
pub struct Progress {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    applied: watch::Sender<u64>,
    floor: AtomicU64,
    /// Floors that were raised here and that the other processes have to know.
    raised: watch::Sender<u64>,
    end: AtomicU64,
    /// Identity of the stream that `applied` counts.
    stream: Mutex<Option<String>>,
    /// Milliseconds after `began` until which this process is known to be the one that folds.
    active_until: AtomicU64,
    began: Instant,
    caught_up_at: AtomicU64,
    confirmations: Arc<Confirmations>,
    caches: RwLock<Vec<Arc<dyn Invalidate>>>,
    changes: broadcast::Sender<Applied>,
}

impl Progress {
    pub(crate) fn new(name: String, floor: u64) -> Self {
        Self {
            inner: Arc::new(Inner {
                name,
                applied: watch::Sender::new(0),
                floor: AtomicU64::new(floor),
                raised: watch::Sender::new(0),
                end: AtomicU64::new(floor),
                stream: Mutex::new(None),
                active_until: AtomicU64::new(0),
                began: Instant::now(),
                caught_up_at: AtomicU64::new(0),
                confirmations: Arc::default(),
                caches: RwLock::default(),
                changes: broadcast::Sender::new(CHANGES_KEPT),
            }),
        }
    }

    /// The last commit that every read sees.
    pub fn applied(&self) -> u64 {
        *self.inner.applied.borrow()
    }

    /// Waits until a commit is applied; `false` if it isn't within `timeout`.
    ///
    /// After `false` to somebody who was told that the commit stands, call
    /// [`Progress::raise_floor`].
    pub async fn wait_for(&self, sequence: u64, timeout: Duration) -> bool {
        if self.applied() >= sequence {
            return true;
        }
        let mut applied = self.inner.applied.subscribe();
        tokio::time::timeout(timeout, applied.wait_for(|applied| *applied >= sequence))
            .await
            .is_ok_and(|waited| waited.is_ok())
    }

    /// Notes that a commit was acknowledged before it was applied: reads show no less from now on,
    /// and wait if they have to. The other processes are told too, which takes a moment.
    pub fn raise_floor(&self, sequence: u64) {
        self.lift(sequence);
        self.inner.raised.send_if_modified(|raised| {
            let news = sequence > *raised;
            *raised = sequence.max(*raised);
            news
        });
    }

    /// As [`Self::raise_floor`], in this process alone.
    pub(crate) fn lift(&self, sequence: u64) {
        self.inner.floor.fetch_max(sequence, Ordering::SeqCst);
    }

    /// Follows the floors that were raised here.
    pub(crate) fn raised(&self) -> watch::Receiver<u64> {
        self.inner.raised.subscribe()
    }

    /// Follows the last applied commit.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.inner.applied.subscribe()
    }

    /// Follows what changes. A listener that is too slow gets an error that says so; anything may
    /// have changed then.
    pub fn changes(&self) -> broadcast::Receiver<Applied> {
        self.inner.changes.subscribe()
    }

    /// The end of the stream when it was looked at last (about once a second).
    pub fn end(&self) -> u64 {
        self.inner.end.load(Ordering::Relaxed).max(self.applied())
    }

    /// Commits in the stream that aren't applied.
    pub fn lag_events(&self) -> u64 {
        self.end() - self.applied().min(self.end())
    }

    /// For how long the read model hasn't been up to date; zero while it is.
    pub fn lag(&self) -> Duration {
        if self.lag_events() == 0 {
            return Duration::ZERO;
        }
        let caught_up_at = self.inner.caught_up_at.load(Ordering::Relaxed);
        Duration::from_millis(self.millis().saturating_sub(caught_up_at))
    }

    /// Whether reads show everything that must be shown; if not, how far it is.
    ///
    /// # Errors
    /// In words, for operators.
    pub fn ready(&self) -> Result<(), String> {
        let (applied, floor) = (self.applied(), self.floor());
        if applied >= floor {
            Ok(())
        } else {
            let name = &self.inner.name;
            Err(format!("{name}: applied {applied} of {floor} events"))
        }
    }

    /// Lets a read begin when everything that was acknowledged is there.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] when it isn't within 2 s.
    pub async fn admit(&self) -> Result<Source, ReadError> {
        let floor = self.floor();
        if self.applied() < floor && !self.wait_for(floor, FLOOR_BOUND).await {
            return Err(ReadError::Unavailable(
                self.ready().err().unwrap_or_default(),
            ));
        }
        if self.is_active() {
            return Ok(Source::Memory);
        }
        let known = self.inner.confirmations.ask().await;
        Ok(match known {
            Some(applied) if self.wait_for(applied, CATCH_UP).await => Source::Memory,
            _ => Source::Database,
        })
    }

    pub(crate) fn confirmations(&self) -> Arc<Confirmations> {
        Arc::clone(&self.inner.confirmations)
    }

    fn floor(&self) -> u64 {
        self.inner.floor.load(Ordering::SeqCst)
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.inner.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Registers a cache.
    pub(crate) fn keep_fresh(&self, cache: Arc<dyn Invalidate>) {
        let mut caches = self.inner.caches.write();
        caches
            .as_mut()
            .unwrap_or_else(|poisoned| poisoned.get_mut())
            .push(cache);
    }

    /// Whether this process folds, and nobody else.
    pub(crate) fn is_active(&self) -> bool {
        self.millis() < self.inner.active_until.load(Ordering::SeqCst)
    }

    /// Says until when this process is the one that folds.
    pub(crate) fn active_until(&self, until: Option<Instant>) {
        let millis = until.map_or(0, |until| {
            let after = until.saturating_duration_since(self.inner.began);
            u64::try_from(after.as_millis()).unwrap_or(u64::MAX)
        });
        self.inner.active_until.store(millis, Ordering::SeqCst);
    }

    /// Takes note of a step. The documents are written already.
    pub(crate) fn advance(&self, to: u64, changed: Changed) {
        // Held throughout, so that steps are told one after the other.
        let _turn = self.turn();
        if to > self.applied() {
            self.step(to, changed);
        }
    }

    /// Takes note that anything may have changed, `applied` commits being certain.
    ///
    /// If that is fewer than before, reads wait until the rest is there again. That is not asked
    /// of another stream: its commits are not those that were shown.
    pub(crate) fn restart(&self, applied: u64, stream: &str) {
        let mut known = self.turn();
        if known.as_deref().is_none_or(|known| known == stream) {
            self.lift(self.applied());
        } else {
            self.inner.floor.store(applied, Ordering::SeqCst);
        }
        *known = Some(stream.to_owned());
        self.step(applied, Changed::Any);
    }

    /// Takes note of a read model that was rebuilt from another log, or from one that was cut
    /// back: what was shown before can't be waited for.
    pub(crate) fn replaced(&self, applied: u64, stream: &str) {
        let mut known = self.turn();
        *known = Some(stream.to_owned());
        self.inner.floor.store(applied, Ordering::SeqCst);
        self.step(applied, Changed::Any);
    }

    /// Takes note of where the stream ends.
    pub(crate) fn saw_end(&self, end: u64) {
        self.inner.end.store(end, Ordering::Relaxed);
        self.note_if_caught_up();
    }

    fn step(&self, to: u64, changed: Changed) {
        let caches = self.inner.caches.read();
        for cache in caches.unwrap_or_else(PoisonError::into_inner).iter() {
            cache.forget(&changed);
        }
        self.inner.applied.send_replace(to);
        self.note_if_caught_up();
        // An error only says that nobody listens.
        let _ = self.inner.changes.send(Applied { to, changed });
    }

    fn note_if_caught_up(&self) {
        if self.applied() >= self.inner.end.load(Ordering::Relaxed) {
            let now = self.millis();
            self.inner.caught_up_at.store(now, Ordering::Relaxed);
        }
    }

    fn turn(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.inner
            .stream
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn a_wait_ends_when_the_commit_is_applied_and_not_before() {
        let progress = Progress::new("p".into(), 0);
        assert!(!progress.wait_for(1, SHORT).await);
        progress.advance(1, Changed::Any);
        assert!(progress.wait_for(1, SHORT).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_waits_for_what_was_acknowledged_and_fails_when_it_does_not_come() {
        let progress = Progress::new("p".into(), 0);
        progress.raise_floor(5);
        assert!(matches!(
            progress.admit().await,
            Err(ReadError::Unavailable(_))
        ));
        progress.advance(5, Changed::Any);
        assert!(progress.admit().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_step_back_reads_wait_until_what_was_shown_is_there_again() {
        let progress = Progress::new("p".into(), 0);
        progress.restart(10, "s");
        progress.restart(7, "s");
        assert_eq!(progress.applied(), 7);
        assert!(progress.admit().await.is_err());
        progress.advance(10, Changed::Any);
        assert!(progress.admit().await.is_ok());
    }

    #[tokio::test]
    async fn another_stream_is_not_waited_for() {
        let progress = Progress::new("p".into(), 0);
        progress.restart(10, "s");
        progress.restart(2, "t");
        assert!(progress.admit().await.is_ok());
    }

    #[test]
    fn a_step_that_was_taken_already_changes_nothing() {
        let progress = Progress::new("p".into(), 0);
        progress.advance(3, Changed::Any);
        progress.advance(2, Changed::Any);
        assert_eq!(progress.applied(), 3);
    }

    #[test]
    fn memory_is_trusted_only_while_this_process_folds() {
        let progress = Progress::new("p".into(), 0);
        assert!(!progress.is_active());
        progress.active_until(Some(Instant::now() + Duration::from_mins(1)));
        assert!(progress.is_active());
        progress.active_until(None);
        assert!(!progress.is_active());
    }
}
