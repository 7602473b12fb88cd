//! Commands for developers and CI: `cargo xtask up`, `cargo xtask test`, `cargo xtask bench` and
//! more.
//!
//! It only orchestrates: cargo builds, [`devservers`] finds, installs and runs the servers.
//! `cargo xtask` builds nothing else before it starts, so this package has few dependencies and
//! none on the application.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use signal_hook::consts::{SIGINT, SIGTERM};

mod audit;
mod bench;
mod build_web;
mod build_web_toolchain;
mod cargo;
mod checks;
mod data_lock;
mod images;
mod mutants;
mod package;
mod probe;
mod progress;
mod test;
mod up;

/// Build, run and test Turnstile on one machine.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what is needed, build, and run everything behind one port until Ctrl-C.
    Up(up::Options),
    /// Check format, spelling, lints and documentation, then run all tests.
    Test(test::Options),
    /// Check the dependencies: licenses, sources, vulnerabilities, unused ones.
    Audit(audit::Options),
    /// Build the web app to `frontend/dist`, and install the tools for that.
    BuildWeb(build_web::Options),
    /// Build every image on a base made on the spot, and inspect it.
    Images(images::Options),
    /// Measure it in release mode, and the raw limits of actix-web, NATS and MongoDB.
    Bench(bench::Options),
    /// Check that tests notice small changes of the rules.
    Mutants(mutants::Options),
    /// Packs the libraries that others can add, and compiles what was packed.
    Package(package::Options),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = stop_flag().and_then(|stop| {
        raise_file_limit();
        match cli.command {
            Command::Up(options) => up::run(&options, &stop),
            Command::Test(options) => test::run(&options, &stop),
            Command::Audit(options) => audit::run(&options, &stop),
            Command::BuildWeb(options) => build_web::run(&options, &stop),
            Command::Images(options) => images::run(&options, &stop),
            Command::Bench(options) => bench::run(&options, &stop),
            Command::Mutants(options) => mutants::run(&options, &stop),
            Command::Package(options) => package::run(&options, &stop),
        }
    });
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// A flag that SIGINT and SIGTERM set, so that everything ends in order. The second signal ends
/// this process at once, and the kernel kills the children with it.
fn stop_flag() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag unset and passes the first line.
        signal_hook::flag::register_conditional_shutdown(signal, 1, stop.clone())
            .and_then(|_| signal_hook::flag::register(signal, stop.clone()))
            .context("can't handle signals")?;
    }
    Ok(stop)
}

/// MongoDB keeps a file open for each collection and index, of each test's database; many systems
/// limit their users to 1024.
fn raise_file_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        // It may work without this, and otherwise MongoDB's log states the reason.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
