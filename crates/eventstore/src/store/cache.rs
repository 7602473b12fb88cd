//! Cached aggregates, and how fresh each is.

use cqrs_es::Aggregate;
use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};
use serde::Serialize;
use std::{
    collections::HashMap,
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{sync::Mutex, time::Instant};
use uuid::Uuid;

use super::{loaded::Loaded, queue::Queue};
use crate::{Commit, StoreError};

/// Approximate size of an aggregate without its state.
const OVERHEAD: usize = 512;
/// Size of a remembered command in the table of them: its ID, its sequence, and a byte of the table.
const PER_COMMAND: usize = size_of::<(Uuid, u64)>() + 1;
/// The state of an aggregate is measured again after at least this many bytes of new events.
const MEASURED_AFTER: usize = 1_024;

/// An aggregate in memory.
pub(crate) struct CachedAggregate<A> {
    pub context: Loaded<A>,
    /// Which command led to a commit in which message.
    commands: HashMap<Uuid, u64>,
    /// Size of the state as JSON, when it was last measured.
    measured: usize,
    /// Size of the events since.
    since: usize,
    /// Everything that was acknowledged before this moment is in it. `None` if it may be
    /// incomplete: nothing was read yet, or a read was interrupted.
    as_of: Option<Instant>,
}

impl<A: Default> CachedAggregate<A> {
    pub fn empty(id: &str, epoch: u64) -> Self {
        Self {
            context: Loaded::empty(id, epoch),
            commands: HashMap::new(),
            measured: 0,
            since: 0,
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

    /// The sequence of the message with a command's commit, if it took effect.
    pub fn sequence_of(&self, command: Uuid) -> Option<u64> {
        self.commands.get(&command).copied()
    }

    /// Notes a message of this process: the aggregate after it, and its commands.
    pub fn committed(
        &mut self,
        context: Loaded<A>,
        commands: impl IntoIterator<Item = Uuid>,
        bytes: usize,
    ) {
        let sequence = context.last_sequence;
        self.context = context;
        let commands = commands.into_iter().map(|command| (command, sequence));
        self.commands.extend(commands);
        self.since += bytes;
    }
}

impl<A: Aggregate> CachedAggregate<A> {
    /// Applies a commit from the log, which must be the next.
    pub fn apply(&mut self, commit: &Commit) -> Result<(), StoreError> {
        self.context.apply(commit)?;
        // The first one counts: only an importer could write a command twice.
        let command = self.commands.entry(commit.metadata.command_id);
        command.or_insert(commit.sequence);
        self.since += commit.events_json().len();
        Ok(())
    }
}

impl<A: Serialize> CachedAggregate<A> {
    /// Approximate size in memory: of the state, not of the events that led to it.
    ///
    /// A state is as large as its JSON, or twice as large. It is measured again only when there
    /// are as many bytes of new events as it had then: so measuring costs no more than storing
    /// these did, and the result is never far off.
    pub fn size(&mut self) -> usize {
        if self.since >= self.measured.max(MEASURED_AFTER) {
            let mut counter = Counter(0);
            // What can't be serialized can't be measured, and weighs what its events weigh.
            if serde_json::to_writer(&mut counter, self.context.state()).is_ok() {
                self.measured = counter.0;
                self.since = 0;
            }
        }
        OVERHEAD + 2 * self.measured + self.since + self.commands.capacity() * PER_COMMAND
    }
}

/// Counts what is written.
struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The slot of one aggregate. The holder of the lock is the only task in this process that works on
/// it.
pub(super) struct CacheSlot<A, W> {
    pub kept: Mutex<CachedAggregate<A>>,
    /// The commands that wait for it.
    pub queue: Queue<W>,
    /// The last recorded weight.
    weight: AtomicU64,
}

/// Aggregates by ID, limited by what they weigh; the least used are evicted first. Clones share
/// them.
///
/// `quick_cache` was chosen because most aggregates are new when they are inserted: moka, which
/// does bookkeeping for every entry in the background, took 5 % of the time of an order here.
pub(super) struct AggregateCache<A, W> {
    entries: Arc<Cache<String, Entry<A, W>, Weight>>,
    /// Limit for the weight of a single aggregate.
    most: u64,
}

/// An aggregate's slot and its weight. The cache reads the weight again when it evicts the entry,
/// so it must not change in the meantime.
struct Entry<A, W> {
    slot: Arc<CacheSlot<A, W>>,
    weight: u64,
}

impl<A, W> Clone for Entry<A, W> {
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

impl<A, W> Weighter<String, Entry<A, W>> for Weight {
    fn weight(&self, _: &String, entry: &Entry<A, W>) -> u64 {
        entry.weight
    }
}

impl<A, W> Clone for AggregateCache<A, W> {
    fn clone(&self) -> Self {
        Self {
            entries: Arc::clone(&self.entries),
            most: self.most,
        }
    }
}

impl<A: Default + Send + 'static, W: Send + 'static> AggregateCache<A, W> {
    /// Creates a cache for about `bytes` bytes.
    pub fn new(bytes: u64) -> Self {
        let estimated = usize::try_from(bytes / OVERHEAD as u64).unwrap_or(usize::MAX);
        // One shard: each of several would have its part of the limit, and an aggregate that is
        // larger than a part would never be kept.
        let options = OptionsBuilder::new()
            .shards(1)
            .estimated_items_capacity(estimated)
            .weight_capacity(bytes)
            .build();
        let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        let entries = match options {
            Ok(options) => Cache::with_options(options, Weight, hasher, lifecycle),
            // Never, since all that is required is given.
            Err(_) => Cache::with(estimated, bytes, Weight, hasher, lifecycle),
        };
        Self {
            entries: Arc::new(entries),
            most: bytes / 4 * 3,
        }
    }

    /// The slot of an aggregate, created if necessary.
    pub fn slot(&self, id: &str) -> Arc<CacheSlot<A, W>> {
        let made = || {
            let weight = OVERHEAD as u64;
            Ok::<_, Infallible>(Entry {
                slot: Arc::new(CacheSlot {
                    kept: Mutex::new(CachedAggregate::empty(id, 0)),
                    queue: Queue::default(),
                    weight: AtomicU64::new(weight),
                }),
                weight,
            })
        };
        match self.entries.get_or_insert_with(id, made) {
            Ok(entry) => entry.slot,
        }
    }

    /// Updates the weight of an aggregate that has grown, once the difference matters: the cache
    /// weighs an entry only when it is inserted, and inserting it at each commit would cost more
    /// than it gains.
    ///
    /// An aggregate that is larger than the cache counts as three quarters of it. To evict it would
    /// mean to read all of it again for its next command.
    pub fn weigh(&self, id: &str, slot: &Arc<CacheSlot<A, W>>, bytes: usize) {
        let weight = u64::try_from(bytes).unwrap_or(u64::MAX).min(self.most);
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

    type Memory = AggregateCache<u8, ()>;

    #[test]
    fn what_is_kept_is_bounded_in_bytes_and_not_in_number() {
        let memory = Memory::new(100_000);
        for n in 0..100 {
            let id = n.to_string();
            let slot = memory.slot(&id);
            memory.weigh(&id, &slot, 10_000);
        }
        let (count, weight) = (memory.entries.len(), memory.entries.weight());
        assert!(weight <= 100_000, "{weight}");
        assert!((1..=10).contains(&count), "{count}");
    }

    #[test]
    fn an_aggregate_is_kept_however_large_it_is() {
        let memory = Memory::new(64 << 20);
        let slot = memory.slot("a");
        for bytes in [10 << 20, 60 << 20, 90 << 20, 500 << 20] {
            memory.weigh("a", &slot, bytes);
            assert!(Arc::ptr_eq(&memory.slot("a"), &slot), "{bytes}");
            assert!(memory.entries.weight() <= 64 << 20);
        }
    }

    #[test]
    fn a_long_history_weighs_what_is_remembered_of_it_and_not_its_events() {
        let mut kept = CachedAggregate::<u8>::empty("a", 0);
        let commits = 100_000_u64;
        for n in 0..commits {
            let context = Loaded::empty("a", 0);
            kept.committed(context, [Uuid::from_u128(n.into())], 400);
            kept.size();
        }
        let size = kept.size() as u64;
        assert!(size > commits * 24, "each command is known: {size}");
        assert!(size < commits * 60, "{size}");
        assert!(kept.sequence_of(Uuid::from_u128(7)).is_some());
        assert!(kept.sequence_of(Uuid::from_u128(commits.into())).is_none());
    }

    #[test]
    fn a_large_state_weighs_as_much_as_it_is_large() {
        let mut kept = CachedAggregate::<String>::empty("a", 0);
        let context = Loaded {
            aggregate: "x".repeat(1 << 20),
            ..Loaded::empty("a", 0)
        };
        kept.committed(context, [Uuid::nil()], 1 << 20);
        assert!((1 << 20..3 << 20).contains(&kept.size()));
        // It became small again by events that are small, too.
        for n in 1..2_000_u128 {
            kept.committed(Loaded::empty("a", 0), [Uuid::from_u128(n)], 1_000);
            kept.size();
        }
        assert!(kept.size() < 1 << 20, "{}", kept.size());
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
    fn a_cached_aggregate_is_weighed_again_after_large_changes() {
        let memory = Memory::new(1_000_000);
        let slot = memory.slot("a");
        let weighs = |bytes: usize| {
            memory.weigh("a", &slot, bytes);
            memory.entries.weight()
        };
        assert_eq!(weighs(1_023), 512, "not worth it");
        assert_eq!(weighs(1_024), 1_024);
        assert_eq!(weighs(4_096), 4_096);
        assert_eq!(weighs(1_025), 4_096, "not worth it");
        assert_eq!(weighs(1_024), 1_024);
    }

    #[test]
    fn what_was_evicted_does_not_weigh_on_what_took_its_place() {
        let memory = Memory::new(1_000_000);
        memory.slot("a");
        let evicted = Memory::new(1_000_000).slot("a");
        memory.weigh("a", &evicted, 100_000);
        assert_eq!(memory.entries.weight(), OVERHEAD as u64);
    }
}
