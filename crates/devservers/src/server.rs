//! The common parts of NATS and MongoDB as child processes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{ChildProcess, ServerPlan, free_port};

/// Enough for a loaded machine; a server that hangs is still noticed.
const READY: Duration = Duration::from_mins(1);
const GRACE: Duration = Duration::from_secs(20);

/// The location of a server's data.
#[derive(Debug)]
enum DataDir {
    Given(PathBuf),
    Temporary(TempDir),
}

#[derive(Debug)]
pub(crate) struct ServerProcess {
    plan: ServerPlan,
    // Before the folder, so that the process is gone when its files are removed.
    process: ChildProcess,
    data_dir: DataDir,
}

impl ServerProcess {
    /// Plans a server for a port and a data folder, and starts it. Without a given port it tries
    /// several, since another process may take a free port first.
    pub(crate) fn start(
        port: Option<u16>,
        data_dir: Option<&Path>,
        plan: impl Fn(u16, &Path) -> Result<ServerPlan>,
    ) -> Result<Self> {
        let mut tries = 4;
        loop {
            tries -= 1;
            let folder = match data_dir {
                Some(folder) => DataDir::Given(folder.to_owned()),
                None => DataDir::Temporary(
                    TempDir::with_prefix("devserver-").context("no temporary folder")?,
                ),
            };
            let number = port.map_or_else(free_port, Ok)?;
            let server = Self::new(plan(number, folder.path())?, folder);
            match server.start_again() {
                Ok(()) => return Ok(server),
                // Both servers use these words.
                Err(error)
                    if port.is_none()
                        && tries > 0
                        && format!("{error:#}")
                            .to_lowercase()
                            .contains("address already in use") => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn new(plan: ServerPlan, data_dir: DataDir) -> Self {
        let process = ChildProcess::new(plan.launch().clone());
        Self {
            plan,
            process,
            data_dir,
        }
    }

    /// Restarts an ended process on the same port and data.
    pub(crate) fn start_again(&self) -> Result<()> {
        let position = self.plan.log_position();
        self.process.start()?;
        self.plan
            .wait_ready(position, READY, || self.process.exit_status())
    }

    pub(crate) fn plan(&self) -> &ServerPlan {
        &self.plan
    }

    pub(crate) fn process(&self) -> &ChildProcess {
        &self.process
    }

    pub(crate) fn data_dir(&self) -> &Path {
        self.data_dir.path()
    }

    pub(crate) fn terminate(&self) -> Result<()> {
        // A frozen process can't end cleanly, so it is resumed first.
        let _ = self.process.signal(Signal::SIGCONT);
        self.process.terminate(GRACE)?;
        Ok(())
    }
}

impl DataDir {
    fn path(&self) -> &Path {
        match self {
            Self::Given(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

/// The methods of both servers, with their documentation.
macro_rules! server_methods {
    ($server:ident) => {
        impl $server {
            /// Its address for clients.
            pub fn url(&self) -> &str {
                self.server.plan().url()
            }

            /// The port of 127.0.0.1 that it listens on.
            pub fn port(&self) -> u16 {
                self.server.plan().port()
            }

            /// The process ID while it is running (or frozen), otherwise `None`.
            pub fn pid(&self) -> Option<u32> {
                self.server.process().pid()
            }

            /// The file with its output.
            pub fn log(&self) -> &std::path::Path {
                self.server.process().log()
            }

            /// The folder with its data.
            pub fn data_dir(&self) -> &std::path::Path {
                self.server.data_dir()
            }

            /// Kills it (`SIGKILL`), and returns when it is gone. The system still has its writes,
            /// so this is no power cut.
            pub fn kill9(&self) -> anyhow::Result<()> {
                self.server.process().kill9()
            }

            /// Asks it to end cleanly, and returns when it has.
            pub fn terminate(&self) -> anyhow::Result<()> {
                self.server.terminate()
            }

            /// Freezes it (`SIGSTOP`): connections stay open, and nothing is answered after this
            /// returns.
            pub fn pause(&self) -> anyhow::Result<()> {
                self.server.process().pause()
            }

            /// Resumes it after [`Self::pause`].
            pub fn resume(&self) -> anyhow::Result<()> {
                self.server.process().signal(crate::Signal::SIGCONT)
            }

            /// Restarts it on the same port and data, after a clean end if it is running, and
            /// returns when it is ready.
            pub fn restart(&self) -> anyhow::Result<()> {
                self.server.terminate()?;
                self.server.start_again()
            }
        }
    };
}
pub(crate) use server_methods;
