//! Installs into the tools folder, once and completely.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::{find_in_path, run_quietly, say, tools_dir};

/// One thing to install.
pub(super) struct InstallStep<'a> {
    /// The name of its folder among the tools: it exists if and only if the tool is installed.
    pub folder: &'a str,
    /// The message while it is being installed.
    pub what: &'a str,
}

/// Returns the step's folder, after filling it with `install` if it doesn't exist. An interrupted
/// installation leaves nothing that looks complete, and of several concurrent processes one
/// installs while the others wait.
pub(super) fn once(
    step: &InstallStep<'_>,
    install: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    once_in(&tools_dir(), step, install)
}

fn once_in(
    tools: &Path,
    step: &InstallStep<'_>,
    install: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let finished = tools.join(step.folder);
    if finished.is_dir() {
        return Ok(finished);
    }
    fs::create_dir_all(tools).with_context(|| format!("can't create {}", tools.display()))?;
    // The lock ends with its process, even when that is killed. The file stays: if it were removed,
    // a third process could lock a new file of the same name while the second holds the old one.
    let lock = File::create(tools.join(format!("{}.lock", step.folder)))?;
    wait_for(&lock, step.what)?;
    if finished.is_dir() {
        return Ok(finished);
    }
    let half = tools.join(format!("{}.part", step.folder));
    if half.exists() {
        fs::remove_dir_all(&half)?;
    }
    fs::create_dir(&half)?;
    say(&format!("{} …", step.what));
    let start = Instant::now();
    if let Err(error) = install(&half) {
        let _ = fs::remove_dir_all(&half);
        return Err(error);
    }
    fs::rename(&half, &finished)?;
    let seconds = start.elapsed().as_secs_f32();
    say(&format!("{}: done in {seconds:.1} s", step.what));
    Ok(finished)
}

/// The folder of a Python package that was installed separately, without its dependencies.
///
/// # Errors
/// When Python or pip is missing, or pip fails.
pub fn python_package(name: &str, version: &str) -> Result<PathBuf> {
    let step = InstallStep {
        folder: &format!("python-{name}-{version}"),
        what: &format!("installing the Python package {name} {version}"),
    };
    once(&step, |folder| {
        install_python_package(name, version, folder)
    })
}

/// The folder of a Python package that was installed separately, with its dependencies.
pub fn python_program(name: &str, version: &str) -> Result<PathBuf> {
    let step = InstallStep {
        folder: &format!("python-{name}-{version}+dependencies"),
        what: &format!("installing the Python package {name} {version}"),
    };
    once(&step, |folder| {
        pip_install(&format!("{name}=={version}"), folder, &[])
    })
}

pub(super) fn install_python_package(name: &str, version: &str, folder: &Path) -> Result<()> {
    pip_install(&format!("{name}=={version}"), folder, &["--no-deps"])
}

fn pip_install(package: &str, folder: &Path, options: &[&str]) -> Result<()> {
    let Some(python) = find_in_path("python3") else {
        bail!("python3 with pip is missing: `apt-get install python3-pip` installs both");
    };
    let pip = Command::new(&python)
        .args(["-m", "pip", "--version"])
        .output()?;
    if !pip.status.success() {
        bail!("python3 has no pip: `apt-get install python3-pip` installs it");
    }
    run_quietly(
        "pip install",
        Command::new(python)
            .args(["-m", "pip", "install", "--quiet", "--no-input"])
            .args(["--disable-pip-version-check", "--root-user-action=ignore"])
            .args(["--no-compile", "--only-binary", ":all:"])
            .args(options)
            .arg("--target")
            .arg(folder)
            .arg(package),
    )?;
    Ok(())
}

/// The folder that holds the `node_modules` of an npm package and its dependencies.
///
/// # Errors
/// When npm is missing or fails.
pub fn npm_package(name: &str, version: &str) -> Result<PathBuf> {
    let step = InstallStep {
        folder: &format!("npm-{}-{version}", name.replace('/', "+")),
        what: &format!("installing the npm package {name} {version}"),
    };
    once(&step, |folder| {
        let npm = find_in_path("npm")
            .context("npm is missing: `apt-get install npm` installs it, with Node.js")?;
        run_quietly(
            "npm install",
            Command::new(npm)
                .args(["install", "--no-audit", "--no-fund", "--loglevel=error"])
                .arg("--prefix")
                .arg(folder)
                .arg(format!("{name}@{version}")),
        )?;
        Ok(())
    })
}

/// The path of a program from a crate: compiled and installed, which takes minutes, unless it was
/// before. Shows cargo's progress.
///
/// # Errors
/// When cargo fails.
pub fn cargo_program(package: &str, version: &str, program: &str) -> Result<PathBuf> {
    let step = InstallStep {
        folder: &format!("{package}-{version}"),
        what: &format!("compiling {package} {version}"),
    };
    let folder = once(&step, |folder| {
        let status = Command::new("cargo")
            .args(["install", "--locked", "--version", version, "--root"])
            .arg(folder)
            .arg(package)
            // A separate target folder, or cargo would compile into (and wait for) a shared one.
            .env("CARGO_TARGET_DIR", folder.join("target"))
            .status()
            .context("can't run cargo")?;
        if !status.success() {
            bail!("`cargo install {package} --version {version}` failed: {status}");
        }
        fs::remove_dir_all(folder.join("target"))?;
        Ok(())
    })?;
    Ok(folder.join("bin").join(program))
}

/// Keeps two processes of this project from running the system's package manager at once.
pub(super) fn system_lock() -> Result<File> {
    let name = format!("turnstile-packages-{}.lock", process_owner());
    let lock = File::create(std::env::temp_dir().join(name))?;
    wait_for(&lock, "installing packages")?;
    Ok(lock)
}

/// Waits for a lock, and reports if another process has it.
fn wait_for(lock: &File, what: &str) -> Result<()> {
    if lock.try_lock().is_err() {
        say(&format!("waiting for another process that is {what}"));
        lock.lock()?;
    }
    Ok(())
}

/// The lock file of another user couldn't be opened.
fn process_owner() -> String {
    std::env::var("USER").unwrap_or_else(|_| process::id().to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;

    use super::*;

    const STEP: InstallStep<'_> = InstallStep {
        folder: "tool-1.0",
        what: "installing a tool",
    };

    #[test]
    fn one_of_several_concurrent_installers_installs() {
        let tools = tempfile::tempdir().unwrap();
        let installs = AtomicU32::new(0);
        let start = Barrier::new(8);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    let folder = once_in(tools.path(), &STEP, |folder| {
                        installs.fetch_add(1, Ordering::SeqCst);
                        fs::write(folder.join("program"), "text")?;
                        Ok(())
                    })
                    .unwrap();
                    assert_eq!(fs::read_to_string(folder.join("program")).unwrap(), "text");
                });
            }
        });
        assert_eq!(installs.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_failed_installation_leaves_nothing_behind() {
        let tools = tempfile::tempdir().unwrap();
        let error = once_in(tools.path(), &STEP, |folder| {
            fs::write(folder.join("half"), "text")?;
            bail!("no network")
        });
        assert_eq!(error.unwrap_err().to_string(), "no network");
        assert!(!tools.path().join("tool-1.0").exists());

        let folder = once_in(tools.path(), &STEP, |_| Ok(())).unwrap();
        assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
    }
}
