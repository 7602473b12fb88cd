//! A server that is ready to start.

use std::fmt::Write as _;
use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::{ProcessSpec, last_lines, logs};

/// A configured server that isn't running yet: what to start, its address, and how to detect that
/// it is ready. For callers that run it themselves, like the supervisor.
#[derive(Debug, Clone)]
pub struct ServerPlan {
    pub(crate) name: &'static str,
    pub(crate) launch: ProcessSpec,
    pub(crate) port: u16,
    pub(crate) url: String,
    /// The line in the server's log when it accepts connections. The log rather than a connection:
    /// if another process took the port, a connection would reach that one.
    pub(crate) ready_line: &'static str,
}

impl ServerPlan {
    /// The server's name, `nats` or `mongodb`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How to start it.
    pub fn launch(&self) -> &ProcessSpec {
        &self.launch
    }

    /// The port of 127.0.0.1 that it will listen on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address for clients: `nats://…` or `mongodb://…`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The position in the log before the start, for [`ServerPlan::is_ready`]: lines of earlier
    /// runs don't count.
    pub fn log_position(&self) -> u64 {
        logs::length(self.launch.log())
    }

    /// Whether the server that was started at that position of its log accepts connections.
    pub fn is_ready(&self, log_position: u64) -> bool {
        logs::text_from(self.launch.log(), log_position).contains(self.ready_line)
    }

    /// Waits until the server accepts connections.
    ///
    /// # Errors
    /// When it ends or `timeout` passes first; the message ends with the log's last lines.
    pub(crate) fn wait_ready(
        &self,
        log_position: u64,
        timeout: Duration,
        exit_status: impl Fn() -> Option<ExitStatus>,
    ) -> Result<()> {
        let start = Instant::now();
        while !self.is_ready(log_position) {
            let mut problem = String::new();
            if let Some(status) = exit_status() {
                let _ = write!(problem, "{} ended at its start: {status}", self.name);
            } else if start.elapsed() > timeout {
                let _ = write!(problem, "{} isn't ready after {timeout:?}", self.name);
            }
            if !problem.is_empty() {
                let log = self.launch.log();
                bail!(
                    "{problem}; {} ends with:\n{}",
                    log.display(),
                    last_lines(log, 15)
                );
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}
