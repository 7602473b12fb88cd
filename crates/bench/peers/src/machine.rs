//! The machine and the versions, without which figures mean nothing.

use anyhow::{Context, Result};
use devservers::tools;
use std::{fs, path::Path, process::Command, thread};

/// The packages whose versions matter, in the lock file that this was compiled with.
const PACKAGES: [&str; 6] = [
    "async-nats",
    "cqrs-es",
    "disintegrate",
    "disintegrate-postgres",
    "postgres-es",
    "sqlx",
];
const LOCK: &str = include_str!("../Cargo.lock");

/// Describes the machine in a few lines.
pub fn describe(postgres: &str) -> Result<Vec<String>> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<_> = load.split(' ').take(3).collect();
    let versions: Result<Vec<String>> = PACKAGES.iter().map(|name| version(name)).collect();
    Ok(vec![
        format!("{cores} cores; load average before: {}", load.join(" ")),
        format!("{}, {postgres}", said(&tools::nats_server()?)?),
        versions?.join(", "),
    ])
}

fn version(package: &str) -> Result<String> {
    let entry = format!("name = \"{package}\"\nversion = \"");
    let version = LOCK.split_once(&entry).map(|(_, rest)| rest);
    let version = version.and_then(|rest| rest.split('"').next());
    let version = version.with_context(|| format!("{package} isn't in Cargo.lock"))?;
    Ok(format!("{package} {version}"))
}

fn said(program: &Path) -> Result<String> {
    let output = Command::new(program).arg("--version").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_has_a_version() {
        for package in PACKAGES {
            assert!(version(package).unwrap().contains('.'), "{package}");
        }
    }
}
