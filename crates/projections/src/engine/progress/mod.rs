//! How far a read model is, as one process knows it.

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

/// How long a process that stands by waits for an announcement that is on its way.
const CATCH_UP: Duration = Duration::from_millis(50);
/// Changes that a slow listener may fall behind before it is told that it missed some.
const CHANGES_KEPT: usize = 1_024;

/// So many who wait for a commit make it worth a millisecond to write more at once.
const SHARE_A_MILLISECOND: usize = 16;

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
    /// Counts what may have cost documents.
    faults: watch::Receiver<u64>,
    /// The faults that are made up for: `applied` was looked up after them.
    settled: watch::Sender<u64>,
    /// Counts tails that the log lost.
    epochs: watch::Receiver<u64>,
    trust: watch::Sender<Trust>,
    /// Milliseconds after `began` until which this process is known to be the one that folds.
    active_until: AtomicU64,
    /// The same by the clock on the wall, which goes on while a machine is suspended.
    active_until_by_wall: AtomicU64,
    began: Instant,
    caught_up_at: AtomicU64,
    leader_query: Arc<LeaderQuery>,
    /// How many wait for a commit.
    waiting: AtomicUsize,
    somebody_waits: Notify,
    caches: RwLock<Vec<Arc<dyn Invalidate>>>,
    changes: broadcast::Sender<Applied>,
}

/// How far the documents are known to be of commits that the log holds.
#[derive(Clone, Copy, Debug, Default)]
struct Trust {
    /// They were compared with the log after it had lost so many tails; `None` if not yet.
    judged: Option<u64>,
    /// They are being filled anew.
    healing: bool,
}

/// Somebody waits for a commit, as long as this lives.
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

    /// The last commit that every read sees.
    pub fn applied(&self) -> u64 {
        *self.inner.applied.borrow()
    }

    /// Waits until a commit is applied; `false` if it isn't within `timeout`.
    ///
    /// After `false` to somebody who was told that the commit stands, call
    /// [`Progress::require_globally`].
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

    /// Notes that a commit was acknowledged before it was applied: reads show no less from now on,
    /// and wait if they have to. The other processes are told too, which takes a moment.
    pub fn require_globally(&self, sequence: u64) {
        self.require_locally(sequence);
        self.inner.raised.send_if_modified(|raised| {
            let news = sequence > *raised;
            *raised = sequence.max(*raised);
            news
        });
    }

    /// As [`Self::require_globally`], in this process alone.
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
    pub fn lag_commits(&self) -> u64 {
        self.end() - self.applied().min(self.end())
    }

    /// For how long the read model hasn't been up to date; zero while it is.
    pub fn lag(&self) -> Duration {
        if self.lag_commits() == 0 {
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

    /// Whether the documents are of commits that the log holds, as far as is known. If they aren't,
    /// reads wait.
    pub fn is_of_the_log(&self) -> bool {
        self.is_trusted(*self.inner.trust.borrow())
    }

    fn is_trusted(&self, trust: Trust) -> bool {
        let epoch = *self.inner.epochs.borrow();
        !trust.healing && trust.judged.is_some_and(|judged| judged >= epoch)
    }

    /// Takes note that the documents are being filled anew.
    pub(crate) fn heals(&self) {
        self.inner.trust.send_modify(|trust| trust.healing = true);
    }

    /// Takes note that the documents were compared with the log, after it had lost so many tails.
    pub(crate) fn judged(&self, epoch: u64) {
        self.inner.trust.send_modify(|trust| {
            trust.judged = trust.judged.max(Some(epoch));
            trust.healing = false;
        });
    }

    /// The floor, if it lies beyond what the log was seen to hold.
    pub(crate) fn floor_beyond(&self, end: u64) -> Option<u64> {
        Some(self.floor()).filter(|floor| *floor > end)
    }

    /// Lowers a floor that the log doesn't reach any more: the commit that it was raised for is
    /// gone.
    pub(crate) fn lower(&self, from: u64, to: u64) {
        let floor = &self.inner.floor;
        let _ = floor.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// How often the read model was filled anew because the log had lost what it showed. Together
    /// with this, a place in the stream names the same commit for good.
    pub fn lineage(&self) -> u64 {
        let stream = self.lock();
        let lineage = stream.as_deref().and_then(|stream| stream.split_once('+'));
        lineage.map_or(0, |(_, lineage)| lineage.parse().unwrap_or(0))
    }

    /// Waits until the next batch is due, the last one having ended at `since`: after `longest`, or
    /// sooner if somebody in this process waits for a commit.
    ///
    /// A few who wait are not held up at all. A crowd is, by a millisecond for every
    /// [`SHARE_A_MILLISECOND`] of them: what they wait for then comes in one batch in place of many,
    /// and a batch costs much the same whatever it holds. They get their answers sooner that way,
    /// because it is the processors that they wait for.
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
        // Only the first is news: a task that is woken for each of a crowd does nothing else.
        if self.inner.waiting.fetch_add(1, Ordering::SeqCst) == 0 {
            self.inner.somebody_waits.notify_one();
        }
        Waiting(&self.inner)
    }

    /// How often MongoDB was in trouble.
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

    /// Whether this process folds, and nobody else.
    pub(crate) fn is_active(&self) -> bool {
        self.is_active_at(SystemTime::now())
    }

    /// Either clock ends it: the one of the machine stands still while that is suspended, and
    /// somebody else folds by the time it is told. A clock on the wall that jumps ahead costs some
    /// reads of the database until the next sign of life.
    fn is_active_at(&self, wall: SystemTime) -> bool {
        self.millis() < self.inner.active_until.load(Ordering::SeqCst)
            && wall_millis(wall) < self.inner.active_until_by_wall.load(Ordering::SeqCst)
    }

    /// Whether others may be told how far this process is: it folds, and is as far as anything
    /// that was told before.
    pub(crate) fn may_answer(&self) -> bool {
        self.is_active() && self.ready().is_ok() && !self.is_uncertain()
    }

    /// Says until when this process is the one that folds.
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

    /// Takes note of a step. The documents are written already.
    pub(crate) fn advance(&self, to: u64, changed: Changed) {
        // Held throughout, so that steps are told one after the other.
        let _lock = self.lock();
        if to > self.applied() {
            self.step_to(to, changed);
        }
    }

    /// Takes note that anything may have changed, `applied` commits being certain. That was looked
    /// up after so many `faults`.
    ///
    /// If that is fewer than before, reads wait until the rest is there again. That is not asked
    /// of another stream: its commits are not those that were shown.
    pub(crate) fn restart(&self, applied: u64, stream: &str, faults: u64) {
        let mut known = self.lock();
        if known.as_deref().is_none_or(|known| known == stream) {
            self.require_locally(self.applied());
        } else {
            self.inner.floor.store(applied, Ordering::SeqCst);
        }
        *known = Some(stream.to_owned());
        self.step_to(applied, Changed::Any);
        // Last: whoever waits for it finds the floor raised.
        self.inner.settled.send_if_modified(|settled| {
            let news = faults > *settled;
            *settled = faults.max(*settled);
            news
        });
    }

    /// Takes note of a read model that was rebuilt from another log, or from one that was cut
    /// back: what was shown before can't be waited for.
    pub(crate) fn replaced(&self, applied: u64, stream: &str) {
        let mut known = self.lock();
        *known = Some(stream.to_owned());
        self.inner.floor.store(applied, Ordering::SeqCst);
        self.inner.end.store(applied, Ordering::Relaxed);
        // What is raised from now on is news, however little it is.
        self.inner.raised.send_if_modified(|raised| {
            *raised = 0;
            false
        });
        self.step_to(applied, Changed::Any);
    }

    /// Takes note of where the stream ends.
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
        // An error only says that nobody listens.
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
