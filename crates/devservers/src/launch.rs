//! Starts a child process so that it can't outlive its parent.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, OnceLock};
use std::thread;

use crate::tools::find_in_path;

/// A program with its arguments, environment and log file: everything that is needed to start and
/// restart it.
#[derive(Debug, Clone)]
pub struct ProcessSpec {
    program: PathBuf,
    args: Vec<OsString>,
    envs: Vec<(OsString, Option<OsString>)>,
    log: PathBuf,
}

impl ProcessSpec {
    /// `program` is a path; its standard output and error are appended to the file `log`.
    pub fn new(program: impl Into<PathBuf>, log: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            envs: Vec::new(),
            log: log.into(),
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets one environment variable; the rest is inherited.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        let value = Some(value.as_ref().to_owned());
        self.envs.push((name.as_ref().to_owned(), value));
        self
    }

    /// Removes one inherited environment variable.
    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.envs.push((name.as_ref().to_owned(), None));
        self
    }

    /// The file with the child's output.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The program's path.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Starts the program, in its own process group and without standard input, so that Ctrl-C in
    /// the terminal reaches only the parent, which then ends its children in order.
    ///
    /// The kernel kills the child when this process ends in any way. That is requested with
    /// `setpriv --pdeathsig KILL` (util-linux) because doing it between fork and exec would need
    /// unsafe code; without `setpriv` the child ends only through the value that owns it.
    pub fn spawn(&self) -> io::Result<Child> {
        if !self.program.is_file() {
            let message = format!("there is no program at {}", self.program.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        if let Some(folder) = self.log.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)?;
        let mut command = tied_command(&self.program);
        command
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        for (name, value) in &self.envs {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        spawn_on_lasting_thread(command)
    }
}

fn tied_command(program: &Path) -> Command {
    static SETPRIV: OnceLock<Option<PathBuf>> = OnceLock::new();
    let Some(setpriv) = SETPRIV.get_or_init(setpriv_with_death_signal) else {
        return Command::new(program);
    };
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// Other programs of that name (BusyBox has one) lack the option.
fn setpriv_with_death_signal() -> Option<PathBuf> {
    let setpriv = find_in_path("setpriv")?;
    let help = Command::new(&setpriv).arg("--help").output().ok()?;
    let text = [help.stdout, help.stderr].concat();
    String::from_utf8_lossy(&text)
        .contains("--pdeathsig")
        .then_some(setpriv)
}

struct Request {
    command: Command,
    answer: Sender<io::Result<Child>>,
}

/// The death signal is sent when the *thread* that forked the child ends, not the process. Threads
/// of tests and thread pools come and go, so one thread that never ends starts all children.
fn spawn_on_lasting_thread(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Mutex<Sender<Request>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (requests, inbox) = mpsc::channel::<Request>();
        thread::spawn(move || {
            for mut request in inbox {
                // The requester waits for the answer; if it is gone, its child ends with the
                // process.
                let _ = request.answer.send(request.command.spawn());
            }
        });
        Mutex::new(requests)
    });
    let (answer, reply) = mpsc::channel();
    let gone = || io::Error::other("the thread that starts children is gone");
    let sender = match spawner.lock() {
        Ok(sender) => sender.clone(),
        Err(poisoned) => poisoned.into_inner().clone(),
    };
    sender
        .send(Request { command, answer })
        .map_err(|_| gone())?;
    reply.recv().map_err(|_| gone())?
}
