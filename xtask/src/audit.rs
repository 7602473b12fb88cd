//! `cargo xtask audit`: checks the dependencies of this project.
//!
//! Not part of `cargo xtask test`: its programs take four minutes to compile on two processors, and
//! the results change only with the dependencies, or with outside lists.

use std::process::{Command, ExitCode};
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use devservers::tools;

use crate::cargo;
use crate::checks::WEB_APP;
use crate::progress::ProgressLog;
use crate::test::first_failure;

/// Installed when it is missing from `PATH`.
const DENY: (&str, &str) = ("cargo-deny", "0.20.2");
const MACHETE: (&str, &str) = ("cargo-machete", "0.9.2");

/// The workspaces; `deny.toml` applies to all of them.
const WORKSPACES: [&str; 2] = ["Cargo.toml", WEB_APP];

#[derive(clap::Args)]
pub struct Options {
    /// Skip the check for known vulnerabilities, whose list is fetched from github.com.
    #[arg(long)]
    offline: bool,
}

/// Runs the checks up to the first that fails.
pub fn run(options: &Options, stop: &AtomicBool) -> Result<ExitCode> {
    let progress = ProgressLog::new();
    progress.say("looking for the tools (compiled once, which takes minutes)");
    let mut unused = program(MACHETE)?;
    unused.arg(".");
    let mut checks = vec![unused];
    for manifest in WORKSPACES {
        let mut allowed = program(DENY)?;
        allowed.args(["--manifest-path", manifest, "check"]);
        allowed.args(["bans", "licenses", "sources"]);
        if !options.offline {
            allowed.arg("advisories");
        }
        checks.push(allowed);
    }
    Ok(first_failure(checks, progress, stop)?.unwrap_or(ExitCode::SUCCESS))
}

fn program((name, version): (&str, &str)) -> Result<Command> {
    let program = match tools::find_in_path(name) {
        Some(found) => found,
        None => tools::cargo_program(name, version, name)
            .with_context(|| format!("`cargo install {name} --locked` makes it"))?,
    };
    Ok(cargo::in_workspace(program))
}
