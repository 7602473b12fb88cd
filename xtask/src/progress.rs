//! Progress messages.

use std::time::{Duration, Instant};

/// Writes each line with the time since the start to standard error: standard output is for
/// results.
#[derive(Clone, Copy)]
pub struct ProgressLog {
    start: Instant,
}

impl ProgressLog {
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    pub fn say(self, line: &str) {
        eprintln!("[{:6.1} s] {line}", self.start.elapsed().as_secs_f32());
    }

    /// Prints what is being waited for, now and at intervals.
    pub fn wait_for(self, what: &str) -> Waiting {
        self.say(what);
        Waiting {
            progress: self,
            what: what.to_owned(),
            said: Instant::now(),
            every: MESSAGE_INTERVAL,
        }
    }
}

/// The longest time without a message.
const MESSAGE_INTERVAL: Duration = Duration::from_secs(10);

/// An operation in progress.
pub struct Waiting {
    progress: ProgressLog,
    what: String,
    said: Instant,
    every: Duration,
}

impl Waiting {
    /// Repeats the message if the last one is long ago. Call it repeatedly during the operation.
    /// Returns whether it printed the message.
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
    fn a_wait_repeats_its_message_at_intervals() {
        let mut waiting = ProgressLog::new().wait_for("a server");
        assert!(!waiting.go_on());
        waiting.every = Duration::ZERO;
        assert!(waiting.go_on());
    }
}
