//! A PostgreSQL server of Debian's packages, in a folder and on a port of its own.

use anyhow::{Context, Result, bail};
use devservers::{ChildProcess, ProcessSpec, Signal, free_port, last_lines, tools};
use nix::unistd::{Uid, User};
use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// Where Debian has one folder per version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// Its line when it accepts connections.
const READY_LINE: &str = "database system is ready to accept connections";
const READY: Duration = Duration::from_mins(1);
const GRACE: Duration = Duration::from_secs(30);
/// Another process may take a free port first.
const TRIES: usize = 4;
/// Its default, below which it isn't set.
const DEFAULT_CONNECTIONS: u32 = 100;

/// A running server, which ends when the value is dropped.
pub struct Postgres {
    process: ChildProcess,
    port: u16,
}

impl Postgres {
    /// Initializes a server in a new folder below `folder` and starts it. All settings are defaults
    /// but for `fsync` and the number of connections.
    pub fn start(programs: &Path, folder: &Path, fsync: bool, connections: u32) -> Result<Self> {
        let owner = Owner::choose()?;
        let data = folder.join("postgresql");
        fs::create_dir_all(&data)?;
        let data = data.canonicalize()?;
        owner.give(&data)?;
        let files = data.join("data");
        let mut initdb = owner.command(&programs.join("initdb"));
        initdb.arg("--pgdata").arg(&files).args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ]);
        let output = initdb.output().context("can't run initdb")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            bail!("initdb in {} failed: {}", data.display(), said.trim());
        }
        let mut tried = 1;
        loop {
            let port = free_port()?;
            let log = data.join(format!("postgresql-{tried}.log"));
            let (program, args) = owner.launch(&programs.join("postgres"));
            let mut launch = ProcessSpec::new(program, &log)
                .args(args)
                .arg("-D")
                .arg(&files)
                .args(["-p", &port.to_string()])
                .args(["-c", "listen_addresses=127.0.0.1"])
                .args(["-c", "unix_socket_directories="])
                .args(["-c", if fsync { "fsync=on" } else { "fsync=off" }]);
            if connections > DEFAULT_CONNECTIONS {
                launch = launch.args(["-c", &format!("max_connections={connections}")]);
            }
            let process = ChildProcess::new(launch);
            process.start()?;
            match wait_until_ready(&process, &log) {
                Ok(()) => return Ok(Self { process, port }),
                Err(error) if tried < TRIES && error.to_string().contains("already in use") => {
                    tried += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Its address, without a database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}", self.port)
    }

    /// The process id of its first process, the parent of all others.
    pub fn pid(&self) -> Option<u32> {
        self.process.pid()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // "Fast shutdown": it ends its connections. SIGTERM would wait for the clients to do that.
        let _ = self.process.signal(Signal::SIGINT);
        if self.process.wait(GRACE).is_none() {
            let _ = self.process.kill9();
        }
    }
}

fn wait_until_ready(process: &ChildProcess, log: &Path) -> Result<()> {
    let began = Instant::now();
    loop {
        let ended = process.exit_status();
        // A log that isn't there yet is empty.
        let said = fs::read(log).unwrap_or_default();
        if String::from_utf8_lossy(&said).contains(READY_LINE) {
            return Ok(());
        }
        if ended.is_some() || began.elapsed() > READY {
            let last = last_lines(log, 10);
            bail!("PostgreSQL doesn't get ready ({ended:?}); its last lines:\n{last}");
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// The folder with `initdb` and `postgres`: the newest one of Debian's packages, which are installed
/// if there is none.
pub fn programs() -> Result<PathBuf> {
    if let Some(found) = newest() {
        return Ok(found);
    }
    tools::debian_packages(&["postgresql"])?;
    newest().with_context(|| format!("the package postgresql has no server below {VERSIONS}"))
}

fn newest() -> Option<PathBuf> {
    let folders = fs::read_dir(VERSIONS).ok()?.filter_map(Result::ok);
    let versions = folders.filter_map(|folder| {
        let version: u32 = folder.file_name().to_str()?.parse().ok()?;
        let programs = folder.path().join("bin");
        let complete = ["initdb", "postgres"].map(|name| programs.join(name).is_file());
        (complete == [true; 2]).then_some((version, programs))
    });
    versions.max().map(|(_, programs)| programs)
}

/// Its version, as it states it.
pub fn version(programs: &Path) -> Result<String> {
    let output = Command::new(programs.join("postgres"))
        .arg("--version")
        .output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Who runs the server: it refuses to run as root.
enum Owner {
    Me,
    Other { user: User, setpriv: PathBuf },
}

impl Owner {
    fn choose() -> Result<Self> {
        if !Uid::effective().is_root() {
            return Ok(Self::Me);
        }
        // Debian's package creates the first one.
        let known = ["postgres", "nobody"].map(User::from_name).into_iter();
        let user = known.filter_map(Result::ok).flatten().next();
        let user = user.context("PostgreSQL doesn't run as root, and no other user is known")?;
        let setpriv = tools::find_in_path("setpriv");
        let setpriv = setpriv.context("setpriv is missing: `apt-get install util-linux` has it")?;
        Ok(Self::Other { user, setpriv })
    }

    fn give(&self, folder: &Path) -> Result<()> {
        if let Self::Other { user, .. } = self {
            let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
            chown(folder, Some(uid), Some(gid))
                .with_context(|| format!("can't give {} to {}", folder.display(), user.name))?;
        }
        Ok(())
    }

    /// The program to start, and its first arguments.
    fn launch(&self, program: &Path) -> (PathBuf, Vec<String>) {
        match self {
            Self::Me => (program.to_owned(), Vec::new()),
            Self::Other { user, setpriv } => {
                // A change of the user clears the signal that ends the server with its parent.
                let args = [
                    format!("--reuid={}", user.uid),
                    format!("--regid={}", user.gid),
                    "--clear-groups".to_owned(),
                    "--pdeathsig=KILL".to_owned(),
                    "--".to_owned(),
                    program.display().to_string(),
                ];
                (setpriv.clone(), args.into())
            }
        }
    }

    fn command(&self, program: &Path) -> Command {
        let (program, args) = self.launch(program);
        let mut command = Command::new(program);
        command.args(args);
        command
    }
}
