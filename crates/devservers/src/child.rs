//! One child process that can be killed, stopped, continued and started again.

use std::path::Path;
use std::process::{Child, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use crate::Launch;

/// How often a change of the process's state is looked for.
const POLL: Duration = Duration::from_millis(5);
/// How long a process may take to stand still: a write to the disk has to end before.
const STOP: Duration = Duration::from_secs(10);

/// A program that runs as a child of this process, until [`ChildProcess::terminate`],
/// [`ChildProcess::kill9`], or the drop of the value.
///
/// All methods take `&self`: a test may kill a server in one task while others use it.
#[derive(Debug)]
pub struct ChildProcess {
    launch: Launch,
    child: Mutex<Option<Child>>,
}

impl ChildProcess {
    /// Nothing runs yet: see [`ChildProcess::start`].
    pub fn new(launch: Launch) -> Self {
        Self {
            launch,
            child: Mutex::new(None),
        }
    }

    /// Starts the program.
    ///
    /// # Errors
    /// When it runs already, or can't be started.
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

    /// The process id while the process runs (or is stopped), else nothing.
    pub fn pid(&self) -> Option<u32> {
        let mut child = self.lock();
        let running = child.as_mut()?;
        matches!(running.try_wait(), Ok(None)).then(|| running.id())
    }

    /// How the process ended; nothing while it runs, or when it never did.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        self.lock().as_mut()?.try_wait().ok().flatten()
    }

    /// The file that holds what the process wrote.
    pub fn log(&self) -> &Path {
        self.launch.log()
    }

    /// Sends a signal to the process.
    ///
    /// # Errors
    /// When it doesn't run.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let mut child = self.lock();
        // An ended child that was not waited for keeps its process id, so the signal can't reach
        // a stranger: the lock keeps others from waiting for it meanwhile.
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

    /// Freezes the process (`SIGSTOP`) and returns when all of its threads stand still: the signal
    /// alone leaves them running for a moment. `SIGCONT` lets it go on.
    ///
    /// # Errors
    /// When it doesn't run, or ends instead.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)?;
        let end = Instant::now() + STOP;
        loop {
            let pid = self
                .pid()
                .context("the process ended instead of stopping")?;
            let id = Id::Pid(Pid::from_raw(i32::try_from(pid)?));
            // Asks for stops alone, so that it can't take the end from those who wait for it.
            match waitid(id, WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG)? {
                WaitStatus::Stopped(..) => return Ok(()),
                _ if Instant::now() > end => bail!("the process doesn't stop"),
                _ => thread::sleep(POLL),
            }
        }
    }

    /// Kills the process (`SIGKILL`) and returns when it is gone. A process that has ended already
    /// is fine.
    pub fn kill9(&self) -> Result<()> {
        if let Some(running) = self.lock().as_mut() {
            running.kill()?;
            running.wait()?;
        }
        Ok(())
    }

    /// Asks the process to end (`SIGTERM`) and waits for it at most `grace`, then kills it.
    /// Returns how it ended; nothing if it never ran.
    pub fn terminate(&self, grace: Duration) -> Result<Option<ExitStatus>> {
        if self.pid().is_some() {
            // It may end by itself between the two lines; that is what was wanted.
            let _ = self.signal(Signal::SIGTERM);
        }
        if self.wait(grace).is_none() {
            self.kill9()?;
        }
        Ok(self.exit_status())
    }

    /// Waits at most `timeout` for the process to end by itself. Nothing: it still runs.
    pub fn wait(&self, timeout: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + timeout;
        loop {
            // Polling, since a blocking wait would keep the lock and so keep others from killing.
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
        // Nobody is left to tell; the kernel's death signal is the second line of defense.
        let _ = self.kill9();
    }
}
