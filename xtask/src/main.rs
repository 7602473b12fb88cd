//! What people and CI run: `cargo xtask up`, `cargo xtask test`, `cargo xtask bench` and more.
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

/// Builds, runs and tests Turnstile on one machine.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Installs what is needed, builds, and runs everything behind one port until Ctrl-C.
    Up(up::Options),
    /// Checks format, spelling, lints and documentation, then runs all tests against servers that it starts itself.
    Test(test::Options),
    /// Looks at the dependencies: licenses, sources, known vulnerabilities, and which are unused.
    Audit(audit::Options),
    /// Builds the web app to `frontend/dist`, with whatever it needs for that.
    BuildWeb(build_web::Options),
    /// Builds every image on a base made on the spot, and looks into each.
    Images(images::Options),
    /// Measures it in release mode beside the raw limits of actix-web, NATS and MongoDB.
    Bench(bench::Options),
    /// Changes what only decides in small ways, and looks whether the tests notice.
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

/// A flag that SIGINT and SIGTERM set, so that everything is ended in order. The second signal
/// ends this process at once, and the kernel kills the children with it.
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

/// MongoDB has a file open for each collection and index, of each test's database; many systems
/// start their users with a limit of 1024.
fn raise_file_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        // Without it things may still work, and MongoDB's log says what is wrong if not.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
