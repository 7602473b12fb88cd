//! `cargo xtask bench`: measures the performance, and the raw limits of what it is built on.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use anyhow::{Result, bail};
use devservers::tools;

use crate::cargo::{self, Ended};
use crate::progress::ProgressLog;

#[derive(clap::Args)]
pub struct Options {
    /// Fewer and shorter rounds, smaller logs: an impression, not a result.
    #[arg(long)]
    quick: bool,
    /// Only this measurement (reads, tickets, orders, rebuild, replay, export, start); may be
    /// repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// When NATS writes to the disk: `default` is every two minutes, `always` before each
    /// acknowledgment.
    #[arg(long, default_value = "default", value_parser = ["default", "always"])]
    sync: String,
    /// The event store beside two others, `postgres-es` and `disintegrate-postgres`, on the same
    /// aggregate; installs Debian's PostgreSQL if it is missing.
    #[arg(long, conflicts_with_all = ["only", "sync"])]
    peers: bool,
}

/// The workspace of the comparison with other event stores: it has dependencies that nothing else
/// needs.
pub const PEERS: &str = "crates/bench/peers/Cargo.toml";

/// Builds in release mode and measures. The servers' data are in the target folder in the meantime,
/// so that they are on a disk, as in production.
pub fn run(options: &Options, stop: &AtomicBool) -> Result<ExitCode> {
    if options.peers {
        return beside_peers(options, stop);
    }
    let progress = ProgressLog::new();
    progress.say("looking for the servers");
    tools::nats_server()?;
    tools::mongod()?;
    progress.say("cargo build --release (minutes at the first time)");
    let mut build = cargo::cargo();
    build.args(["build", "--release", "--package", "turnstile"]);
    build.args(["--package", "bench"]);
    match cargo::run(&mut build, stop)? {
        Ended::Stopped => return Ok(ExitCode::FAILURE),
        Ended::With(status) if status.success() => {}
        Ended::With(_) => bail!("cargo build failed: what it said stands above"),
    }

    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let target = tools::workspace().join(target);
    let release = target.join("release");
    let mut bench = cargo::in_workspace(release.join("bench"));
    bench.arg("run");
    bench.arg("--turnstile").arg(release.join("turnstile"));
    bench.arg("--work-dir").arg(target.join("bench"));
    bench.arg("--json").arg(target.join("bench.json"));
    bench.args(["--sync", &options.sync]);
    if options.quick {
        bench.arg("--quick");
    }
    for name in &options.only {
        bench.args(["--only", name]);
    }
    progress.say("measuring; other work on this machine would disturb it");
    match cargo::run(&mut bench, stop)? {
        Ended::With(status) if status.success() => Ok(ExitCode::SUCCESS),
        Ended::With(_) | Ended::Stopped => Ok(ExitCode::FAILURE),
    }
}

/// Builds in release mode and measures; the servers' data are in a target folder here, too.
fn beside_peers(options: &Options, stop: &AtomicBool) -> Result<ExitCode> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(
        || tools::workspace().join(PEERS).with_file_name("target"),
        |target| tools::workspace().join(target),
    );
    let mut bench = cargo::cargo();
    bench.args(["run", "--release", "--manifest-path", PEERS]);
    bench.arg("--");
    bench.arg("--work-dir").arg(target.join("peers"));
    bench.arg("--json").arg(target.join("peers.json"));
    if options.quick {
        bench.arg("--quick");
    }
    let progress = ProgressLog::new();
    progress.say("cargo run --release (minutes at the first time); other work would disturb it");
    match cargo::run(&mut bench, stop)? {
        Ended::With(status) if status.success() => Ok(ExitCode::SUCCESS),
        Ended::With(_) | Ended::Stopped => Ok(ExitCode::FAILURE),
    }
}
