//! Scheduled events, in order of time.

use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// A queue in order of time; of two events at the same moment, the one that was scheduled first
/// comes first.
#[derive(Debug)]
pub(crate) struct EventQueue<T> {
    events: BTreeMap<(DateTime<Utc>, u64), T>,
    scheduled: u64,
}

impl<T> EventQueue<T> {
    pub fn new() -> Self {
        Self {
            events: BTreeMap::new(),
            scheduled: 0,
        }
    }

    pub fn schedule(&mut self, at: DateTime<Utc>, what: T) {
        self.scheduled += 1;
        self.events.insert((at, self.scheduled), what);
    }

    pub fn next(&mut self) -> Option<(DateTime<Utc>, T)> {
        let ((at, _), what) = self.events.pop_first()?;
        Some((at, what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn equal_times_keep_their_order() {
        let start = DateTime::<Utc>::UNIX_EPOCH;
        let mut queue = EventQueue::new();
        for (second, what) in [(2, 'c'), (1, 'a'), (2, 'd'), (1, 'b')] {
            queue.schedule(start + TimeDelta::seconds(second), what);
        }
        let order: String = std::iter::from_fn(|| queue.next().map(|(_, what)| what)).collect();
        assert_eq!(order, "abcd");
    }
}
