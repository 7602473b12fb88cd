//! Prometheus's checker of rules.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::debian::update_lists_once;
use super::install::{InstallStep, once};
use super::{find_in_path, run_quietly};

/// The path of `promtool`: the one in `PATH`, otherwise one that is extracted from Debian's package
/// `prometheus`. The package isn't installed: that would start a Prometheus.
///
/// # Errors
/// When this isn't a Debian system, or the package can't be downloaded.
pub fn promtool() -> Result<PathBuf> {
    if let Some(found) = find_in_path("promtool") {
        return Ok(found);
    }
    let step = InstallStep {
        folder: "promtool-debian",
        what: "loading promtool",
    };
    let folder = once(&step, |folder| {
        if download(folder).is_err() {
            update_lists_once()?;
            download(folder)?;
        }
        let unpack = "dpkg-deb --extract prometheus_*.deb . && rm prometheus_*.deb";
        let unpacked = Command::new("sh")
            .args(["-c", unpack])
            .current_dir(folder)
            .output()?;
        anyhow::ensure!(unpacked.status.success(), "dpkg-deb: {unpacked:?}");
        Ok(())
    })
    .context("can't load promtool; alternatively put one in PATH (Debian: `prometheus`)")?;
    Ok(folder.join("usr/bin/promtool"))
}

fn download(folder: &Path) -> Result<()> {
    run_quietly(
        "apt-get download",
        Command::new("apt-get")
            .args(["download", "--quiet", "prometheus"])
            .current_dir(folder),
    )
    .map(drop)
}
