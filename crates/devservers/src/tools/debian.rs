//! Debian packages, for tools that are only available as system packages, such as shared libraries
//! and the browser of the end-to-end tests.

use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Result, anyhow, bail};
use nix::unistd::Uid;

use super::install::system_lock;
use super::{find_in_path, run_quietly, say};

/// Installs the packages that are missing.
///
/// # Errors
/// One line with the command to run when this isn't a Debian system or the user isn't root; the
/// last lines of apt-get when it fails.
pub fn debian_packages(packages: &[&str]) -> Result<()> {
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if find_in_path("apt-get").is_none() {
        bail!("missing: what Debian packages as {names} (there is no apt-get here)");
    }
    if !Uid::effective().is_root() {
        bail!("missing Debian packages: run `sudo apt-get install {names}`");
    }
    let _lock = system_lock()?;
    say(&format!("installing the Debian packages {names} …"));
    update_lists_once()?;
    run_quietly(
        "apt-get install",
        apt_get()
            .args(["install", "-y", "--no-install-recommends"])
            .args(missing),
    )?;
    Ok(())
}

fn missing<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    let is_installed = |package: &&&str| {
        let query = Command::new("dpkg-query")
            .args(["--show", "--showformat", "${db:Status-Status}"])
            .arg(package)
            .output();
        query.is_ok_and(|answer| answer.stdout == b"installed")
    };
    packages
        .iter()
        .filter(|package| !is_installed(package))
        .copied()
        .collect()
}

pub(super) fn update_lists_once() -> Result<()> {
    static UPDATED: OnceLock<Result<(), String>> = OnceLock::new();
    UPDATED
        .get_or_init(|| {
            run_quietly("apt-get update", apt_get().args(["update", "--quiet"]))
                .map(drop)
                .map_err(|error| format!("{error:#}"))
        })
        .clone()
        .map_err(|error| anyhow!(error))
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Waits for a running package manager instead of failing.
        .args(["-o", "DPkg::Lock::Timeout=300"]);
    command
}
