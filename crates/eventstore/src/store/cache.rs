//! Cached aggregates, and how fresh each is.

use quick_cache::{Weighter, sync::Cache};
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};
use tokio::{sync::Mutex, time::Instant};

use super::loaded::Loaded;

/// Approximate size of an aggregate without its events.
const OVERHEAD: u32 = 512;

/// An aggregate in memory.
pub(crate) struct CachedAggregate<A> {
    pub context: Loaded<A>,
    /// Everything that was acknowledged before this moment is in it. `None` if it may be
    /// incomplete: nothing was read yet, or a read was interrupted.
    as_of: Option<Instant>,
}

impl<A: Default> CachedAggregate<A> {
    pub fn empty(id: &str, epoch: u64) -> Self {
        Self {
            context: Loaded::empty(id, epoch),
            as_of: None,
        }
    }

    /// Drops state from another epoch of the log: it may contain commits that are gone.
    pub fn enter(&mut self, epoch: u64) {
        if self.context.epoch != epoch {
            *self = Self::empty(&self.context.id, epoch);
        }
    }
}

impl<A> CachedAggregate<A> {
    /// Whether it was read to its end once.
    pub fn is_complete(&self) -> bool {
        self.as_of.is_some()
    }

    /// Whether everything is in it that was acknowledged before this moment.
    pub fn is_fresh_at(&self, moment: Instant) -> bool {
        self.as_of.is_some_and(|as_of| as_of >= moment)
    }

    /// Notes that it reflects the log at this moment, or later.
    pub fn mark_fresh_at(&mut self, moment: Instant) {
        self.as_of = Some(moment);
    }
}

/// The slot of one aggregate. The holder of the lock is the only task in this process that works on
/// it.
pub(crate) struct CacheSlot<A> {
    pub kept: Mutex<CachedAggregate<A>>,
    /// The last recorded weight.
    weight: AtomicU32,
}

/// Aggregates by ID, limited by the weight of their events; the least used are evicted first.
/// Clones share them.
///
/// `quick_cache` was chosen because most aggregates are new when they are inserted: moka, which
/// does bookkeeping for every entry in the background, took 5 % of the time of an order here.
pub(crate) struct AggregateCache<A> {
    entries: Arc<Cache<String, Entry<A>, Weight>>,
}

/// An aggregate's slot and its weight. The cache reads the weight again when it evicts the entry,
/// so it must not change in the meantime.
struct Entry<A> {
    slot: Arc<CacheSlot<A>>,
    weight: u32,
}

impl<A> Clone for Entry<A> {
    fn clone(&self) -> Self {
        Self {
            slot: Arc::clone(&self.slot),
            weight: self.weight,
        }
    }
}

/// Weighs aggregates.
#[derive(Clone)]
struct Weight;

impl<A> Weighter<String, Entry<A>> for Weight {
    fn weight(&self, _: &String, entry: &Entry<A>) -> u64 {
        u64::from(entry.weight)
    }
}

impl<A> Clone for AggregateCache<A> {
    fn clone(&self) -> Self {
        Self {
            entries: Arc::clone(&self.entries),
        }
    }
}

impl<A: Default + Send + 'static> AggregateCache<A> {
    /// Creates a cache for about `bytes` bytes.
    pub fn new(bytes: u64) -> Self {
        let estimated = usize::try_from(bytes / u64::from(OVERHEAD)).unwrap_or(usize::MAX);
        Self {
            entries: Arc::new(Cache::with_weighter(estimated, bytes, Weight)),
        }
    }

    /// The slot of an aggregate, created if necessary.
    pub fn slot(&self, id: &str) -> Arc<CacheSlot<A>> {
        let made = || {
            Ok::<_, Infallible>(Entry {
                slot: Arc::new(CacheSlot {
                    kept: Mutex::new(CachedAggregate::empty(id, 0)),
                    weight: AtomicU32::new(OVERHEAD),
                }),
                weight: OVERHEAD,
            })
        };
        match self.entries.get_or_insert_with(id, made) {
            Ok(entry) => entry.slot,
        }
    }

    /// Updates the weight of an aggregate that has grown, once the difference matters: the cache
    /// weighs an entry only when it is inserted, and inserting it at each commit would cost more
    /// than it gains.
    pub fn weigh(&self, id: &str, slot: &Arc<CacheSlot<A>>, bytes: usize) {
        let weight = OVERHEAD.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        let known = slot.weight.load(Ordering::Relaxed);
        if weight < known.saturating_mul(2) && weight > known / 4 {
            return;
        }
        slot.weight.store(weight, Ordering::Relaxed);
        // Not if it was evicted in the meantime: another may have replaced it.
        let there = self.entries.get(id);
        if there.is_some_and(|there| Arc::ptr_eq(&there.slot, slot)) {
            let slot = Arc::clone(slot);
            // Fails only if it was evicted just now.
            let _ = self
                .entries
                .replace(id.to_owned(), Entry { slot, weight }, true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_is_kept_is_bounded_in_bytes_and_not_in_number() {
        let memory = AggregateCache::<u8>::new(100_000);
        for n in 0..100 {
            let id = n.to_string();
            let slot = memory.slot(&id);
            memory.weigh(&id, &slot, 10_000);
        }
        let (count, weight) = (memory.entries.len(), memory.entries.weight());
        assert!(weight <= 100_000, "{weight}");
        assert!((1..=9).contains(&count), "{count}");
    }

    #[test]
    fn an_aggregate_is_as_new_as_the_moment_at_which_its_reading_began() {
        let mut kept = CachedAggregate::<u8>::empty("a", 0);
        let moment = Instant::now();
        assert!(!kept.is_complete() && !kept.is_fresh_at(moment));
        kept.mark_fresh_at(moment);
        assert!(kept.is_complete() && kept.is_fresh_at(moment));
        assert!(!kept.is_fresh_at(moment + Duration::from_nanos(1)));
        kept.enter(0);
        assert!(kept.is_complete());
        kept.enter(1);
        assert!(!kept.is_complete(), "the log has lost a tail");
    }

    #[test]
    fn an_aggregate_is_weighed_anew_when_it_has_doubled_or_shrunk_to_a_quarter() {
        let memory = AggregateCache::<u8>::new(1_000_000);
        let slot = memory.slot("a");
        let weighs = |bytes: usize| {
            memory.weigh("a", &slot, bytes);
            memory.entries.weight()
        };
        assert_eq!(weighs(511), 512, "not worth it");
        assert_eq!(weighs(512), 1_024);
        assert_eq!(weighs(4_096 - 512), 4_096);
        assert_eq!(weighs(513), 4_096, "not worth it");
        assert_eq!(weighs(512), 1_024);
    }

    #[test]
    fn what_was_evicted_does_not_weigh_on_what_took_its_place() {
        let memory = AggregateCache::<u8>::new(1_000_000);
        memory.slot("a");
        let evicted = AggregateCache::<u8>::new(1_000_000).slot("a");
        memory.weigh("a", &evicted, 100_000);
        assert_eq!(memory.entries.weight(), u64::from(OVERHEAD));
    }
}
