//! Lines that say what is being done.

use std::time::Instant;

/// Writes each line with the time since the start to standard error: standard output is for
/// results.
#[derive(Clone, Copy)]
pub struct Progress {
    start: Instant,
}

impl Progress {
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    pub fn say(self, line: &str) {
        eprintln!("[{:6.1} s] {line}", self.start.elapsed().as_secs_f32());
    }
}
