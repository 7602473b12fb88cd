//! The commands that wait for an aggregate, and whether a task works on them.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What waits for one aggregate, oldest first. At most one task works on it.
pub(super) struct Queue<W>(Mutex<State<W>>);

struct State<W> {
    waiting: VecDeque<W>,
    is_worked_on: bool,
}

impl<W> Default for Queue<W> {
    fn default() -> Self {
        Self(Mutex::new(State {
            waiting: VecDeque::new(),
            is_worked_on: false,
        }))
    }
}

impl<W> Queue<W> {
    /// Adds to the end. Returns whether no task is at work: the caller must start one then.
    pub fn push(&self, waiting: W) -> bool {
        let mut state = self.lock();
        state.waiting.push_back(waiting);
        !std::mem::replace(&mut state.is_worked_on, true)
    }

    /// Takes the first ones, up to a number; `None` if nothing waits. Then the task must end.
    pub fn take(&self, at_most: usize) -> Option<Vec<W>> {
        let mut state = self.lock();
        if state.waiting.is_empty() {
            state.is_worked_on = false;
            return None;
        }
        let count = at_most.min(state.waiting.len());
        Some(state.waiting.drain(..count).collect())
    }

    /// Puts back to the front what was taken last.
    pub fn put_back(&self, taken: Vec<W>) {
        let mut state = self.lock();
        for waiting in taken.into_iter().rev() {
            state.waiting.push_front(waiting);
        }
    }

    /// Drops what waits: the task at work ended before its time.
    pub fn abandon(&self) {
        let abandoned = {
            let mut state = self.lock();
            state.is_worked_on = false;
            std::mem::take(&mut state.waiting)
        };
        drop(abandoned);
    }

    fn lock(&self) -> MutexGuard<'_, State<W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_works_until_nothing_waits_and_then_the_next_one_may() {
        let queue = Queue::default();
        assert!(queue.push(1), "no task is at work");
        assert!(!queue.push(2) && !queue.push(3));
        assert_eq!(queue.take(2), Some(vec![1, 2]));
        queue.put_back(vec![2]);
        assert!(!queue.push(4), "one still is");
        assert_eq!(queue.take(9), Some(vec![2, 3, 4]));
        assert_eq!(queue.take(9), None);
        assert!(queue.push(5));
    }

    #[test]
    fn what_an_ended_task_left_is_dropped_and_blocks_no_other() {
        let queue = Queue::default();
        assert!(queue.push(1));
        queue.abandon();
        assert!(queue.push(2));
        assert_eq!(queue.take(9), Some(vec![2]));
    }
}
