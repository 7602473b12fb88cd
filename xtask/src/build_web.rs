//! `cargo xtask build-web`: the web app, from its source to the files that a browser loads.
//!
//! The app is a workspace of its own, since it is compiled for another target. This command finds
//! or installs the tools; the packer is a program of the app's workspace.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::AtomicBool;

use anyhow::{Result, bail};
use devservers::tools;

use crate::build_web_toolchain::Toolchain;
use crate::cargo::{self, Ended};
use crate::progress::ProgressLog;

/// Shrinks WebAssembly. Debian's version is too old for the compiler's output.
const BINARYEN: (&str, &str) = ("binaryen", "132.0.0");
/// Bundles and minifies scripts.
const ESBUILD: (&str, &str) = ("esbuild", "0.28.2");

#[derive(clap::Args)]
pub struct Options {}

/// Builds the web app to `frontend/dist`.
pub fn run(_: &Options, stop: &AtomicBool) -> Result<ExitCode> {
    Ok(match build(ProgressLog::new(), stop)? {
        Some(_) => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    })
}

/// Builds the web app, unless it is already built; returns its folder, or `None` if it was stopped.
pub fn build(progress: ProgressLog, stop: &AtomicBool) -> Result<Option<PathBuf>> {
    let frontend = tools::workspace().join("frontend");
    let target = frontend.join("target");
    progress.say("looking for the tools of the web app");
    if tools::find_in_path("npm").is_none() {
        tools::debian_packages(&["nodejs", "npm"])?;
    }
    let npm_tools = [BINARYEN, ESBUILD]
        .map(|(name, version)| tools::npm_package(name, version))
        .into_iter()
        .collect::<Result<Vec<_>>>()?;
    let toolchain = Toolchain::find(progress, stop)?;

    progress.say(&format!("compiling the web app ({toolchain})"));
    let mut compile = toolchain.cargo();
    compile.args([
        "build",
        "--release",
        "--package",
        "web",
        "--target",
        Toolchain::TARGET,
    ]);
    toolchain.add_standard_library(&mut compile);
    if !finished(in_frontend(&mut compile, &frontend, &target), stop)? {
        return Ok(None);
    }
    progress.say("compiling the program that packs it (two minutes at the first time)");
    let mut compile = cargo::cargo();
    compile.args(["build", "--profile", "tool", "--package", "pack"]);
    if !finished(in_frontend(&mut compile, &frontend, &target), stop)? {
        return Ok(None);
    }
    progress.say("packing the web app");
    let mut pack = cargo::cargo();
    pack.args(["run", "--quiet", "--profile", "tool", "--package", "pack"]);
    in_frontend(&mut pack, &frontend, &target)
        .arg("--")
        .arg(target.join(Toolchain::TARGET).join("release/web.wasm"))
        .arg(&frontend)
        .args(npm_tools.iter().map(|folder| folder.join("node_modules")));
    if !finished(&mut pack, stop)? {
        return Ok(None);
    }
    Ok(Some(frontend.join("dist")))
}

/// Folders in the environment are meant for the main workspace.
fn in_frontend<'a>(command: &'a mut Command, frontend: &Path, target: &Path) -> &'a mut Command {
    command
        .arg("--locked")
        .arg("--manifest-path")
        .arg(frontend.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
}

fn finished(command: &mut Command, stop: &AtomicBool) -> Result<bool> {
    match cargo::run(command, stop)? {
        Ended::With(status) if status.success() => Ok(true),
        Ended::With(status) => bail!("the web app can't be built: {status}"),
        Ended::Stopped => Ok(false),
    }
}
