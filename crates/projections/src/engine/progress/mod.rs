//! The progress of a read model, as one process knows it.

mod absence;

use std::{
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};
use tokio::{
    sync::{Notify, broadcast, watch},
    time,
};

use crate::{
    Applied, Changed, ReadError,
    engine::{applied::Invalidate, leader_query::LeaderQuery},
    store::READ_BOUND,
};

/// How long a standby waits for an announcement that is in transit.
const CATCH_UP: Duration = Duration::from_millis(50);
/// Number of changes that a slow listener may fall behind before it gets an error.
const CHANGES_KEPT: usize = 1_024;

/// This number of waiting callers makes a batch worth one millisecond of delay.
const SHARE_A_MILLISECOND: usize = 16;

/// How a read may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// What is kept in memory is known to be as new as what was acknowledged.
    Memory,
    /// Only the database is.
    Database,
}

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
    applied: watch::Sender<u64>,
    floor: AtomicU64,
    /// Floors that were raised here and must be sent to the other processes.
    raised: watch::Sender<u64>,
    end: AtomicU64,
    /// Identity of the stream that `applied` counts.
    stream: Mutex<Option<String>>,
    /// Counts possible losses of documents.
    faults: watch::Receiver<u64>,
    /// The faults that are settled: `applied` was read again after them.
    settled: watch::Sender<u64>,
    /// Counts tails that the log lost.
    epochs: watch::Receiver<u64>,
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

/// Whether the documents are known to reflect commits that the log contains.
#[derive(Clone, Copy, Debug, Default)]
struct Trust {
    /// The number of lost tails when they were last compared with the log; `None` if never.
    judged: Option<u64>,
    /// They are being rebuilt.
    healing: bool,
}

/// A caller waits for a commit, as long as this lives.
struct Waiting<'a>(&'a Inner);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Progress {
    pub(crate) fn new(
        name: String,
        floor: u64,
        faults: watch::Receiver<u64>,
        epochs: watch::Receiver<u64>,
    ) -> Self {
        let settled = watch::Sender::new(*faults.borrow());
        Self {
            inner: Arc::new(Inner {
                name,
                applied: watch::Sender::new(0),
                floor: AtomicU64::new(floor),
                raised: watch::Sender::new(0),
                end: AtomicU64::new(floor),
                stream: Mutex::new(None),
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

    /// The last commit that every read reflects.
    pub fn applied(&self) -> u64 {
        *self.inner.applied.borrow()
    }

    /// Waits until a commit is applied; `false` if it isn't within `timeout`.
    ///
    /// Before responding to a client after `false`, call [`Progress::require_globally`].
    pub async fn wait_for(&self, sequence: u64, timeout: Duration) -> bool {
        if self.applied() >= sequence {
            return true;
        }
        let _waiting = self.track_waiter();
        let mut applied = self.inner.applied.subscribe();
        time::timeout(timeout, applied.wait_for(|applied| *applied >= sequence))
            .await
            .is_ok_and(|waited| waited.is_ok())
    }

    /// Notes that a commit was acknowledged before it was applied: reads must reflect it from now
    /// on, and wait if necessary. The other processes receive it too, within a moment.
    pub fn require_globally(&self, sequence: u64) {
        self.require_locally(sequence);
        self.inner.raised.send_if_modified(|raised| {
            let news = sequence > *raised;
            *raised = sequence.max(*raised);
            news
        });
    }

    /// Like [`Self::require_globally`], in this process alone.
    pub(crate) fn require_locally(&self, sequence: u64) {
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

    /// Follows the changes. A listener that is too slow gets an error; any document may have
    /// changed then.
    pub fn changes(&self) -> broadcast::Receiver<Applied> {
        self.inner.changes.subscribe()
    }

    /// The end of the stream when it was last read (about once a second).
    pub fn end(&self) -> u64 {
        self.inner.end.load(Ordering::Relaxed).max(self.applied())
    }

    /// Number of commits in the stream that aren't applied.
    pub fn lag_commits(&self) -> u64 {
        self.end() - self.applied().min(self.end())
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
        let (applied, floor) = (self.applied(), self.floor());
        if applied >= floor {
            Ok(())
        } else {
            let name = &self.inner.name;
            Err(format!("{name}: applied {applied} of {floor} commits"))
        }
    }

    /// Runs a read once all acknowledged commits are applied.
    ///
    /// Repeats it if MongoDB was lost in the meantime: the answer may come from a server that was
    /// restarted, or took over, and lacks the last writes.
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

    /// Waits until all acknowledged commits are applied; returns the number of faults up to now.
    async fn admit(&self) -> (Source, u64) {
        let faults = loop {
            let faults = self.faults();
            let mut settled = self.inner.settled.subscribe();
            // `self` holds the sender, so this ends only when the condition holds.
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

    /// Whether MongoDB may have lost the last writes, and that wasn't checked yet.
    pub(crate) fn is_uncertain(&self) -> bool {
        *self.inner.settled.borrow() < self.faults()
    }

    /// Whether the documents reflect commits that the log contains, as far as is known. If they
    /// don't, reads wait.
    pub fn is_of_the_log(&self) -> bool {
        self.is_trusted(*self.inner.trust.borrow())
    }

    fn is_trusted(&self, trust: Trust) -> bool {
        let epoch = *self.inner.epochs.borrow();
        !trust.healing && trust.judged.is_some_and(|judged| judged >= epoch)
    }

    /// Notes that the documents are being rebuilt.
    pub(crate) fn heals(&self) {
        self.inner.trust.send_modify(|trust| trust.healing = true);
    }

    /// Notes that the documents were compared with the log after it had lost this number of tails.
    pub(crate) fn judged(&self, epoch: u64) {
        self.inner.trust.send_modify(|trust| {
            trust.judged = trust.judged.max(Some(epoch));
            trust.healing = false;
        });
    }

    /// The floor, if it is beyond the known end of the log.
    pub(crate) fn floor_beyond(&self, end: u64) -> Option<u64> {
        Some(self.floor()).filter(|floor| *floor > end)
    }

    /// Lowers a floor that the log no longer reaches: the commit that raised it is gone.
    pub(crate) fn lower(&self, from: u64, to: u64) {
        let floor = &self.inner.floor;
        let _ = floor.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Number of times the read model was rebuilt because the log had lost commits that it showed.
    /// Together with this, a sequence of the stream always identifies the same commit.
    pub fn lineage(&self) -> u64 {
        let stream = self.lock();
        let lineage = stream.as_deref().and_then(|stream| stream.split_once('+'));
        lineage.map_or(0, |(_, lineage)| lineage.parse().unwrap_or(0))
    }

    /// Waits until the next batch is due after the last one ended at `since`: for `longest`, or
    /// less if a caller in this process waits for a commit.
    ///
    /// A few waiting callers are not delayed at all. Many are, by one millisecond per
    /// [`SHARE_A_MILLISECOND`] of them: their commits then come in one batch instead of many, and
    /// the cost of a batch hardly depends on its size. They get their answers sooner that way,
    /// because the processors are what they wait for.
    pub(crate) async fn batch_due(&self, since: time::Instant, longest: Duration) {
        loop {
            let news = self.inner.somebody_waits.notified();
            let pause = match self.inner.waiting.load(Ordering::SeqCst) {
                0 => longest,
                waiting => {
                    let millis = u64::try_from(waiting / SHARE_A_MILLISECOND).unwrap_or(u64::MAX);
                    longest.min(Duration::from_millis(millis))
                }
            };
            if since.elapsed() >= pause {
                return;
            }
            tokio::select! {
                () = time::sleep_until(since + pause) => {}
                () = news => {}
            }
        }
    }

    fn track_waiter(&self) -> Waiting<'_> {
        // Only the first one wakes the task: waking it for each of many would keep it busy.
        if self.inner.waiting.fetch_add(1, Ordering::SeqCst) == 0 {
            self.inner.somebody_waits.notify_one();
        }
        Waiting(&self.inner)
    }

    /// Number of faults of MongoDB.
    pub(crate) fn faults(&self) -> u64 {
        *self.inner.faults.borrow()
    }

    pub(crate) fn leader_query(&self) -> Arc<LeaderQuery> {
        Arc::clone(&self.inner.leader_query)
    }

    fn floor(&self) -> u64 {
        self.inner.floor.load(Ordering::SeqCst)
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

    /// Whether this process leads, and no other.
    pub(crate) fn is_active(&self) -> bool {
        self.is_active_at(SystemTime::now())
    }

    /// Either clock ends it: the monotonic one stops while the machine is suspended, and another
    /// process leads by the time it resumes. A system clock that jumps ahead costs some reads of
    /// the database until the next renewal.
    fn is_active_at(&self, wall: SystemTime) -> bool {
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

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.inner
            .stream
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn wall_millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
