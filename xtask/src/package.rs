//! `cargo xtask package`: whether the libraries can be published as they are.
//!
//! No part of `cargo xtask test`: it compiles their dependencies once more, as someone who adds
//! them would have them.

use std::fs;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use anyhow::Result;
use devservers::tools;

use crate::cargo;
use crate::progress::ProgressLog;
use crate::test::first_failure;

/// The crates that others can add.
const LIBRARIES: [&str; 2] = ["turnstile-eventstore", "turnstile-projections"];

#[derive(clap::Args)]
pub struct Options {}

/// Packs each library and compiles what was packed, then each without its features.
pub fn run(_: &Options, stop: &AtomicBool) -> Result<ExitCode> {
    let mut packed = cargo::with(&["package", "--allow-dirty"]);
    let mut bare = cargo::with(&["check", "--lib", "--no-default-features"]);
    for library in LIBRARIES {
        packed.args(["--package", library]);
        bare.args(["--package", library]);
    }
    // A warning about what only a feature uses is a mistake, too.
    bare.env("RUSTFLAGS", "-Dwarnings");
    // A packed crate has the same version each time, so cargo would take what it compiled of an
    // earlier one for it. The folder is emptied first.
    let folder = tools::workspace().join("target").join("packed");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    for command in [&mut packed, &mut bare] {
        command.arg("--target-dir").arg(&folder);
    }
    let checks = vec![packed, bare];
    Ok(first_failure(checks, ProgressLog::new(), stop)?.unwrap_or(ExitCode::SUCCESS))
}
