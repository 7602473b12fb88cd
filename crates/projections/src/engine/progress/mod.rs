//! The progress of a read model, as one process knows it.

mod absence;
mod activity;
mod reads;
mod steps;
mod trust;
mod waiting;

pub(crate) use absence::ends_of;
pub use reads::ReadFrom;

use eventstore::StreamName;
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{Notify, broadcast, watch};

use crate::{
    Applied, Position,
    engine::{applied::Invalidate, epochs::Epochs, leader_query::LeaderQuery},
};
use trust::Trust;

/// Number of changes that a slow listener may fall behind before it gets an error.
const CHANGES_KEPT: usize = 1_024;

/// The progress of a read model, as this process knows it. Clones share one state.
///
/// `applied` can decrease: after a failover of MongoDB, or when a collection was dropped, the
/// runner returns to its checkpoint. Reads then wait until it is as high as before.
#[derive(Clone)]
pub struct Progress {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    /// The streams that are folded.
    streams: Vec<StreamName>,
    applied: watch::Sender<Position>,
    floor: Mutex<Position>,
    /// Floors that were raised here and must be sent to the other processes.
    raised: watch::Sender<Position>,
    end: Mutex<Position>,
    /// Identity of the streams that `applied` counts.
    origin: Mutex<Option<String>>,
    /// Counts possible losses of documents.
    faults: watch::Receiver<u64>,
    /// The faults that are settled: `applied` was read again after them.
    settled: watch::Sender<u64>,
    /// Counts tails that the log lost.
    epochs: Epochs,
    trust: watch::Sender<Trust>,
    /// Milliseconds after `began` until which this process is known to lead.
    active_until: AtomicU64,
    /// The same by the system clock, which continues while a machine is suspended.
    active_until_by_wall: AtomicU64,
    began: Instant,
    caught_up_at: AtomicU64,
    leader_query: Arc<LeaderQuery>,
    /// Number of callers that wait for a commit.
    waiting: AtomicUsize,
    somebody_waits: Notify,
    caches: RwLock<Vec<Arc<dyn Invalidate>>>,
    changes: broadcast::Sender<Applied>,
}

impl Progress {
    pub(crate) fn new(
        name: String,
        streams: Vec<StreamName>,
        floor: Position,
        faults: watch::Receiver<u64>,
        epochs: Epochs,
    ) -> Self {
        let settled = watch::Sender::new(*faults.borrow());
        Self {
            inner: Arc::new(Inner {
                name,
                streams,
                applied: watch::Sender::new(Position::default()),
                floor: Mutex::new(floor.clone()),
                raised: watch::Sender::new(Position::default()),
                end: Mutex::new(floor),
                origin: Mutex::new(None),
                faults,
                settled,
                epochs,
                trust: watch::Sender::new(Trust::default()),
                active_until: AtomicU64::new(0),
                active_until_by_wall: AtomicU64::new(0),
                began: Instant::now(),
                caught_up_at: AtomicU64::new(0),
                leader_query: Arc::default(),
                waiting: AtomicUsize::new(0),
                somebody_waits: Notify::new(),
                caches: RwLock::default(),
                changes: broadcast::Sender::new(CHANGES_KEPT),
            }),
        }
    }

    /// The commits that every read reflects.
    pub fn applied(&self) -> Position {
        self.inner.applied.borrow().clone()
    }

    /// Notes that a commit was acknowledged before it was applied: reads must reflect it from now
    /// on, and wait if necessary. The other processes receive it too, within a moment.
    pub fn require_globally(&self, stream: StreamName, sequence: u64) {
        self.require_locally(&Position::at(stream, sequence));
        self.inner.raised.send_if_modified(|raised| {
            let news = sequence > raised.of(stream);
            raised.raise(stream, sequence);
            news
        });
    }

    /// Like [`Self::require_globally`], in this process alone.
    pub(crate) fn require_locally(&self, position: &Position) {
        locked(&self.inner.floor).merge(position);
    }

    /// Follows the floors that were raised here.
    pub(crate) fn raised(&self) -> watch::Receiver<Position> {
        self.inner.raised.subscribe()
    }

    /// Follows the applied commits.
    pub fn watch(&self) -> watch::Receiver<Position> {
        self.inner.applied.subscribe()
    }

    /// Follows the changes. A listener that is too slow gets an error; any document may have
    /// changed then.
    pub fn changes(&self) -> broadcast::Receiver<Applied> {
        self.inner.changes.subscribe()
    }

    /// The ends of the streams when they were last read (about once a second).
    pub fn end(&self) -> Position {
        let mut end = locked(&self.inner.end).clone();
        end.merge(&self.inner.applied.borrow());
        end
    }

    /// Number of commits in the streams that aren't applied.
    pub fn lag_commits(&self) -> u64 {
        let applied = self.applied();
        self.end().total().saturating_sub(applied.total())
    }

    /// How long the read model has been behind; zero while it is up to date.
    pub fn lag(&self) -> Duration {
        if self.lag_commits() == 0 {
            return Duration::ZERO;
        }
        let caught_up_at = self.inner.caught_up_at.load(Ordering::Relaxed);
        Duration::from_millis(self.millis().saturating_sub(caught_up_at))
    }

    /// Whether reads reflect all required commits; if not, how far the read model is.
    ///
    /// # Errors
    /// In words, for operators.
    pub fn ready(&self) -> Result<(), String> {
        if !self.is_of_the_log() {
            let name = &self.inner.name;
            return Err(format!("{name}: not known yet to be what the log holds"));
        }
        if self.reaches_floor() {
            return Ok(());
        }
        Err(self.behind(&self.floor()))
    }

    /// How far it is of what is required, for operators.
    fn behind(&self, required: &Position) -> String {
        let (name, applied) = (&self.inner.name, self.applied().total());
        let required = required.total();
        format!("{name}: applied {applied} of {required} commits")
    }

    /// The floor of a stream, if it is beyond the known end of the log.
    pub(crate) fn floor_beyond(&self, stream: StreamName, end: u64) -> Option<u64> {
        let floor = locked(&self.inner.floor).of(stream);
        Some(floor).filter(|floor| *floor > end)
    }

    /// Lowers a floor that the log no longer reaches: the commit that raised it is gone.
    pub(crate) fn lower(&self, stream: StreamName, from: u64, to: u64) {
        let mut floor = locked(&self.inner.floor);
        // Unless it was raised in the meantime.
        if floor.of(stream) == from {
            floor.set(stream, to);
        }
    }

    /// Number of times the read model was rebuilt because the log had lost commits that it showed.
    /// Together with this, a sequence of a stream always identifies the same commit.
    pub fn lineage(&self) -> u64 {
        let origin = self.lock();
        let lineage = origin.as_deref().and_then(|origin| origin.split_once('+'));
        lineage.map_or(0, |(_, lineage)| lineage.parse().unwrap_or(0))
    }

    /// Number of faults of MongoDB.
    pub(crate) fn faults(&self) -> u64 {
        *self.inner.faults.borrow()
    }

    pub(crate) fn leader_query(&self) -> Arc<LeaderQuery> {
        Arc::clone(&self.inner.leader_query)
    }

    fn floor(&self) -> Position {
        locked(&self.inner.floor).clone()
    }

    fn reaches_floor(&self) -> bool {
        let floor = locked(&self.inner.floor);
        self.inner.applied.borrow().reaches(&floor)
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.inner.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Registers a cache.
    pub fn register_cache(&self, cache: Arc<dyn Invalidate>) {
        let mut caches = self.inner.caches.write();
        caches
            .as_mut()
            .unwrap_or_else(|poisoned| poisoned.get_mut())
            .push(cache);
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        locked(&self.inner.origin)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
