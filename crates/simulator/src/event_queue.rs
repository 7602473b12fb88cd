//! Scheduled events, in order of time.

use chrono::{DateTime, Utc};
use std::{cmp::Ordering, collections::BinaryHeap};

/// A queue in order of time; of two events at the same moment, the one that was scheduled first
/// comes first.
#[derive(Debug)]
pub(crate) struct EventQueue<T> {
    heap: BinaryHeap<Item<T>>,
    scheduled: u64,
}

#[derive(Debug)]
struct Item<T> {
    at: DateTime<Utc>,
    number: u64,
    what: T,
}

impl<T> EventQueue<T> {
    pub fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            scheduled: 0,
        }
    }

    pub fn schedule(&mut self, at: DateTime<Utc>, what: T) {
        self.scheduled += 1;
        let number = self.scheduled;
        self.heap.push(Item { at, number, what });
    }

    pub fn next(&mut self) -> Option<(DateTime<Utc>, T)> {
        self.heap.pop().map(|item| (item.at, item.what))
    }
}

impl<T> Item<T> {
    fn key(&self) -> (DateTime<Utc>, u64) {
        (self.at, self.number)
    }
}

impl<T> Ord for Item<T> {
    /// The heap returns the greatest first, so the earliest is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

impl<T> PartialOrd for Item<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Item<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Item<T> {}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn the_earliest_comes_first_and_of_two_at_once_the_one_noted_first() {
        let start = DateTime::<Utc>::UNIX_EPOCH;
        let mut queue = EventQueue::new();
        for (second, what) in [(2, 'c'), (1, 'a'), (2, 'd'), (1, 'b')] {
            queue.schedule(start + TimeDelta::seconds(second), what);
        }
        let order: String = std::iter::from_fn(|| queue.next().map(|(_, what)| what)).collect();
        assert_eq!(order, "abcd");
    }
}
