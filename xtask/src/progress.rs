//! Lines that say what is being done.

use std::time::{Duration, Instant};

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

    /// Says what is being waited for, now and from time to time.
    pub fn wait_for(self, what: &str) -> Waiting {
        self.say(what);
        Waiting {
            progress: self,
            what: what.to_owned(),
            said: Instant::now(),
            every: IMPATIENCE,
        }
    }
}

/// How long nothing is said at most.
const IMPATIENCE: Duration = Duration::from_secs(10);

/// Something that is being waited for.
pub struct Waiting {
    progress: Progress,
    what: String,
    said: Instant,
    every: Duration,
}

impl Waiting {
    /// Says it again if that is long ago. Call it again and again while it lasts. Tells whether it
    /// was said.
    pub fn go_on(&mut self) -> bool {
        let is_long = self.said.elapsed() >= self.every;
        if is_long {
            self.progress.say(&format!("still: {}", self.what));
            self.said = Instant::now();
        }
        is_long
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_for_is_said_again_when_that_is_long_ago_and_not_before() {
        let mut waiting = Progress::new().wait_for("a server");
        assert!(!waiting.go_on());
        waiting.every = Duration::ZERO;
        assert!(waiting.go_on());
    }
}
