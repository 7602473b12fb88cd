//! Keeps children running, and ends them all in order.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::{ChildProcess, ProcessSpec};

const POLL: Duration = Duration::from_millis(50);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A child that ran for this long restarts with the first pause.
const HEALTHY: Duration = Duration::from_mins(1);
/// A log beyond this size is renamed when its child is first started.
const LOG_LIMIT: u64 = 20 * 1024 * 1024;

/// A set of children in the order of their start. One that ends is restarted after a growing pause;
/// [`Supervisor::stop_all`], or dropping the value, ends them in reverse order.
///
/// It works only while one of its waiting methods is called: it has no thread, so nothing restarts
/// a child while the caller does something else with it.
pub struct Supervisor {
    children: Vec<Supervised>,
    stop: Arc<AtomicBool>,
    say: Box<dyn Fn(&str)>,
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// The condition holds.
    Done,
    /// The stop flag was set.
    Stopped,
    /// The time has passed.
    TimedOut,
}

struct Supervised {
    name: String,
    process: ChildProcess,
    grace: Duration,
    started: Instant,
    pause: Duration,
    /// When to restart it; `None` while it is running.
    due: Option<Instant>,
}

impl Supervisor {
    /// A signal handler sets `stop` to end every wait; `say` receives a line whenever a child ends
    /// unexpectedly.
    pub fn new(stop: Arc<AtomicBool>, say: impl Fn(&str) + 'static) -> Self {
        Self {
            children: Vec::new(),
            stop,
            say: Box::new(say),
        }
    }

    /// Starts a child and keeps it running. At the end it has `grace` to end by itself.
    ///
    /// # Errors
    /// When the first start fails; later failures are retried like an early end.
    pub fn start(&mut self, name: &str, launch: ProcessSpec, grace: Duration) -> Result<()> {
        put_aside_large_log(launch.log())?;
        let process = ChildProcess::new(launch);
        process
            .start()
            .with_context(|| format!("can't start {name}"))?;
        self.children.push(Supervised {
            name: name.to_owned(),
            process,
            grace,
            started: Instant::now(),
            pause: Duration::ZERO,
            due: None,
        });
        Ok(())
    }

    /// Keeps the children running until the condition holds, the stop flag is set, or the time
    /// has passed.
    pub fn wait_for(&mut self, timeout: Duration, mut condition: impl FnMut() -> bool) -> Waited {
        let start = Instant::now();
        loop {
            if self.stop.load(Ordering::SeqCst) {
                return Waited::Stopped;
            }
            if condition() {
                return Waited::Done;
            }
            if start.elapsed() >= timeout {
                return Waited::TimedOut;
            }
            self.look_after();
            thread::sleep(POLL);
        }
    }

    /// Keeps the children running until the stop flag is set.
    pub fn run(&mut self) {
        while self.wait_for(Duration::MAX, || false) != Waited::Stopped {}
    }

    /// Ends all children, the last started first: each is asked to end, and killed when its grace
    /// is over.
    pub fn stop_all(&mut self) {
        while let Some(child) = self.children.pop() {
            if let Err(error) = child.process.terminate(child.grace) {
                (self.say)(&format!("can't end {}: {error:#}", child.name));
            }
        }
    }

    /// Restarts children that have ended and are due.
    fn look_after(&mut self) {
        for child in &mut self.children {
            if let ControlFlow::Break(line) = child.look_after() {
                (self.say)(&line);
            }
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop_all();
    }
}

impl Supervised {
    /// Breaks with a line to report.
    fn look_after(&mut self) -> ControlFlow<String> {
        match self.due {
            None => match self.process.exit_status() {
                Some(status) => ControlFlow::Break(self.has_ended(&describe(status))),
                None => ControlFlow::Continue(()),
            },
            Some(due) if Instant::now() >= due => {
                self.started = Instant::now();
                self.due = None;
                match self.process.start() {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => {
                        let line = self.has_ended(&format!("can't be started: {error:#}"));
                        ControlFlow::Break(line)
                    }
                }
            }
            Some(_) => ControlFlow::Continue(()),
        }
    }

    fn has_ended(&mut self, how: &str) -> String {
        self.pause = next_pause(self.pause, self.started.elapsed());
        self.due = Some(Instant::now() + self.pause);
        format!(
            "{} {how}; it starts again in {:.1} s (its log: {})",
            self.name,
            self.pause.as_secs_f32(),
            self.process.log().display()
        )
    }
}

fn next_pause(last: Duration, lived: Duration) -> Duration {
    if lived >= HEALTHY {
        return FIRST_PAUSE;
    }
    (last * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE)
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

fn put_aside_large_log(log: &Path) -> Result<()> {
    if crate::logs::length(log) > LOG_LIMIT {
        fs::rename(log, log.with_extension("log.old"))
            .with_context(|| format!("can't put aside {}", log.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_restart_pause_doubles_up_to_30_seconds_and_resets() {
        let mut pause = Duration::ZERO;
        let mut seen = Vec::new();
        for _ in 0..8 {
            pause = next_pause(pause, Duration::from_secs(59));
            seen.push(pause.as_secs_f32());
        }
        assert_eq!(seen, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]);
        assert_eq!(next_pause(pause, Duration::from_mins(1)), FIRST_PAUSE);
    }
}
