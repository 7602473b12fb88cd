//! Runs cargo and related programs, with their output on the terminal.

use std::env;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub use devservers::cargo::in_workspace;

const POLL: Duration = Duration::from_millis(20);
const GRACE: Duration = Duration::from_secs(15);

/// How a command ended.
#[derive(Debug)]
pub enum Ended {
    /// By itself.
    With(ExitStatus),
    /// Because of the stop flag.
    Stopped,
}

/// The cargo that runs this program, in the workspace.
pub fn cargo() -> Command {
    in_workspace(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// [`cargo()`] with these arguments.
pub fn with(args: &[&str]) -> Command {
    let mut command = cargo();
    command.args(args);
    command
}

/// Runs a command to its end, or ends it when the stop flag is set.
pub fn run(command: &mut Command, stop: &AtomicBool) -> Result<Ended> {
    let mut child = command
        .spawn()
        .with_context(|| format!("can't run {}", command.get_program().display()))?;
    loop {
        if let Some(status) = child.try_wait()? {
            // Ctrl-C reaches the child, too: its failure needs no message then.
            let stopped = !status.success() && stop.load(Ordering::SeqCst);
            return Ok(if stopped {
                Ended::Stopped
            } else {
                Ended::With(status)
            });
        }
        if stop.load(Ordering::SeqCst) {
            end(&mut child)?;
            return Ok(Ended::Stopped);
        }
        thread::sleep(POLL);
    }
}

fn end(child: &mut Child) -> Result<()> {
    let Ok(pid) = i32::try_from(child.id()) else {
        bail!("a process id beyond i32");
    };
    // It wasn't waited for, so the process ID is still its own.
    kill(Pid::from_raw(pid), Signal::SIGTERM)?;
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() > GRACE {
            child.kill()?;
        }
        thread::sleep(POLL);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stop_flag_ends_a_command() {
        let stop = AtomicBool::new(true);
        let start = Instant::now();
        let ended = run(Command::new("sleep").arg("60"), &stop).unwrap();
        assert!(matches!(ended, Ended::Stopped));
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_failed_command_is_not_reported_as_stopped() {
        let ended = run(&mut Command::new("false"), &AtomicBool::new(false)).unwrap();
        assert!(matches!(ended, Ended::With(status) if !status.success()));
    }
}
