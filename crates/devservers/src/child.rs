//! A child process that can be killed, frozen, resumed and restarted.

use std::path::Path;
use std::process::{Child, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use crate::ProcessSpec;

/// Polling interval for changes of the process's state.
const POLL: Duration = Duration::from_millis(5);
/// Time limit for a process to freeze: a write to the disk must end first.
const STOP: Duration = Duration::from_secs(10);

/// A program that runs as a child of this process, until [`ChildProcess::terminate`],
/// [`ChildProcess::kill9`], or the drop of the value.
///
/// All methods take `&self`: a test may kill a server in one task while others use it.
#[derive(Debug)]
pub struct ChildProcess {
    launch: ProcessSpec,
    child: Mutex<Option<Child>>,
}

impl ChildProcess {
    /// Creates a process that is not running yet: see [`ChildProcess::start`].
    pub fn new(launch: ProcessSpec) -> Self {
        Self {
            launch,
            child: Mutex::new(None),
        }
    }

    /// Starts the program.
    ///
    /// # Errors
    /// When it is already running, or can't be started.
    pub fn start(&self) -> Result<()> {
        let mut child = self.lock();
        if let Some(running) = child.as_mut()
            && running.try_wait()?.is_none()
        {
            bail!("{} runs already", self.launch.program().display());
        }
        *child = Some(self.launch.spawn()?);
        Ok(())
    }

    /// The process ID while the process is running (or frozen), otherwise `None`.
    pub fn pid(&self) -> Option<u32> {
        let mut child = self.lock();
        let running = child.as_mut()?;
        matches!(running.try_wait(), Ok(None)).then(|| running.id())
    }

    /// The process's exit status; `None` while it is running, or if it never did.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        self.lock().as_mut()?.try_wait().ok().flatten()
    }

    /// The file with the process's output.
    pub fn log(&self) -> &Path {
        self.launch.log()
    }

    /// Sends a signal to the process.
    ///
    /// # Errors
    /// When it isn't running.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let mut child = self.lock();
        // An ended child that was not waited for keeps its process ID, so the signal can't reach
        // another process: the lock keeps other threads from waiting for it in the meantime.
        let running = match child.as_mut() {
            Some(child) => child.try_wait()?.is_none().then_some(child),
            None => None,
        };
        let Some(running) = running else {
            bail!("{} doesn't run", self.launch.program().display());
        };
        let pid = i32::try_from(running.id()).context("a process id beyond i32")?;
        kill(Pid::from_raw(pid), signal)?;
        Ok(())
    }

    /// Freezes the process (`SIGSTOP`) and returns when all of its threads have stopped: after the
    /// signal they run for a moment. `SIGCONT` resumes it.
    ///
    /// # Errors
    /// When it isn't running, or ends instead.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)?;
        let end = Instant::now() + STOP;
        loop {
            let pid = self
                .pid()
                .context("the process ended instead of stopping")?;
            let id = Id::Pid(Pid::from_raw(i32::try_from(pid)?));
            // Waits for stops only, so that it doesn't consume the exit status.
            match waitid(id, WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG)? {
                WaitStatus::Stopped(..) => return Ok(()),
                _ if Instant::now() > end => bail!("the process doesn't stop"),
                _ => thread::sleep(POLL),
            }
        }
    }

    /// Kills the process (`SIGKILL`) and returns when it is gone. A process that has already ended
    /// is fine.
    pub fn kill9(&self) -> Result<()> {
        if let Some(running) = self.lock().as_mut() {
            running.kill()?;
            running.wait()?;
        }
        Ok(())
    }

    /// Asks the process to end (`SIGTERM`), waits for it for at most `grace`, then kills it.
    /// Returns its exit status; `None` if it never ran.
    pub fn terminate(&self, grace: Duration) -> Result<Option<ExitStatus>> {
        if self.pid().is_some() {
            // It may end by itself between the two lines, which is fine.
            let _ = self.signal(Signal::SIGTERM);
        }
        if self.wait(grace).is_none() {
            self.kill9()?;
        }
        Ok(self.exit_status())
    }

    /// Waits at most `timeout` for the process to end by itself. `None` if it is still running.
    pub fn wait(&self, timeout: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + timeout;
        loop {
            // Polls, since a blocking wait would hold the lock and keep other threads from killing
            // it.
            let status = self.exit_status();
            if status.is_some() || Instant::now() >= end {
                return status;
            }
            thread::sleep(POLL);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        // The error can't be reported; the kernel's death signal is the second line of defense.
        let _ = self.kill9();
    }
}
