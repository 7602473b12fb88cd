//! Summarizes similar failures of many requests in few lines.
//!
//! While a dependency is down, every request would log the same failure, thousands per second on
//! the very machine that is in trouble, and hide more useful lines. So for each route the first one
//! is logged, and later the number of the others.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How long after a line further failures of the same route are only counted.
const QUIET: Duration = Duration::from_secs(10);

/// The failures that were logged or counted, by route.
pub(super) struct Outages {
    quiet: Duration,
    /// Whether some were counted but not logged: a check for every request, which costs one load.
    untold: AtomicBool,
    /// Routes are few, and defined by the program.
    routes: Mutex<HashMap<String, Reported>>,
}

struct Reported {
    at: Instant,
    untold: u64,
}

impl Default for Outages {
    fn default() -> Self {
        Self::quiet_for(QUIET)
    }
}

impl Outages {
    fn quiet_for(quiet: Duration) -> Self {
        Self {
            quiet,
            untold: AtomicBool::new(false),
            routes: Mutex::default(),
        }
    }

    /// Counts a failed request. If it is to be logged, returns the number of failures before it
    /// that weren't.
    pub fn failed(&self, route: &str) -> Option<u64> {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some(told) = routes.get_mut(route) {
            if now.duration_since(told.at) < self.quiet {
                told.untold += 1;
                self.untold.store(true, Ordering::Relaxed);
                return None;
            }
            told.at = now;
            return Some(std::mem::take(&mut told.untold));
        }
        let told = Reported { at: now, untold: 0 };
        routes.insert(route.to_owned(), told);
        Some(0)
    }

    /// Returns the numbers to log now that a request succeeded, by route.
    pub fn answered(&self) -> Vec<(String, u64)> {
        if !self.untold.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let mut due = Vec::new();
        let mut left = false;
        for (route, told) in routes.iter_mut().filter(|(_, told)| told.untold > 0) {
            if now.duration_since(told.at) < self.quiet {
                left = true;
            } else {
                due.push((route.clone(), std::mem::take(&mut told.untold)));
            }
        }
        self.untold.store(left, Ordering::Relaxed);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_many_equal_errors_is_logged() {
        let outages = Outages::default();
        assert_eq!(outages.failed("/a"), Some(0));
        for _ in 0..1_000 {
            assert_eq!(outages.failed("/a"), None);
        }
        assert_eq!(
            outages.failed("/b"),
            Some(0),
            "another route is another line"
        );
        assert!(outages.answered().is_empty(), "not so soon");
    }

    #[test]
    fn the_number_of_suppressed_errors_is_logged_later() {
        let outages = Outages::quiet_for(Duration::from_millis(30));
        let fail = || outages.failed("/a");
        assert_eq!((fail(), fail(), fail()), (Some(0), None, None));
        let until = |what: &dyn Fn() -> bool| {
            let began = Instant::now();
            while !what() {
                assert!(began.elapsed() < Duration::from_secs(10));
                std::thread::yield_now();
            }
        };
        until(&|| !outages.answered().is_empty());
        assert!(outages.answered().is_empty(), "once");
        until(&|| fail() == Some(0));
        assert_eq!(fail(), None);
        // The number depends on how often it was called: at least once above.
        until(&|| fail().is_some_and(|more| more > 0));
    }
}
