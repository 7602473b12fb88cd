//! A compiler with a standard library for WebAssembly.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use devservers::tools;

use crate::cargo;
use crate::progress::ProgressLog;

/// Time limit for rustup: its server may be unreachable, and rustup then waits silently.
const RUSTUP_TIMEOUT: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(50);

/// Debian's compiler for the web, its library's source, and its linker.
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-22"];

/// The source of the compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The compiler of this program, which has the target.
    Installed,
    /// Debian's, which also compiles the standard library: a minute or two, the first time.
    Debian,
}

impl Toolchain {
    /// The name of the target.
    pub const TARGET: &str = "wasm32-unknown-unknown";

    /// Finds one, or installs it: with rustup if that reaches its server, otherwise with apt-get.
    pub fn find(progress: ProgressLog, stop: &AtomicBool) -> Result<Self> {
        if has_target()? {
            return Ok(Self::Installed);
        }
        if add_with_rustup(progress, stop)? && has_target()? {
            return Ok(Self::Installed);
        }
        tools::debian_packages(&DEBIAN_PACKAGES).context(
            "the web app needs a standard library for WebAssembly: `rustup target add \
             wasm32-unknown-unknown` failed",
        )?;
        Ok(Self::Debian)
    }

    /// Its cargo.
    pub fn cargo(self) -> Command {
        match self {
            Self::Installed => cargo::cargo(),
            Self::Debian => {
                let mut command = cargo::in_workspace("/usr/bin/cargo");
                command
                    .env("RUSTC", "/usr/bin/rustc")
                    // Building the standard library is an unstable feature of cargo's; compiler and
                    // source have the same version.
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld-22")
                    // Set by rustup for the compiler of this program.
                    .env_remove("RUSTUP_TOOLCHAIN")
                    .env_remove("RUSTC_WRAPPER")
                    .env_remove("LD_LIBRARY_PATH");
                command
            }
        }
    }

    /// Makes cargo build the standard library, if it is missing.
    pub fn add_standard_library(self, build: &mut Command) {
        if self == Self::Debian {
            build.arg("-Zbuild-std=std,panic_abort");
        }
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Installed => "with the installed compiler",
            Self::Debian => "with Debian's compiler, and the standard library with it",
        })
    }
}

/// Whether the compiler of this program has the target.
fn has_target() -> Result<bool> {
    let mut rustc = cargo::in_workspace("rustc");
    let output = rustc
        .args(["--print", "sysroot"])
        .stderr(Stdio::null())
        .output()
        .context("can't run rustc")?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let library = sysroot
        .join("lib/rustlib")
        .join(Toolchain::TARGET)
        .join("lib");
    Ok(has_std(&library))
}

fn has_std(library: &Path) -> bool {
    let is_std = |name: String| name.starts_with("libstd-");
    library.read_dir().is_ok_and(|mut files| {
        files.any(|file| file.is_ok_and(|file| is_std(file.file_name().to_string_lossy().into())))
    })
}

/// Adds the target with rustup; returns whether that succeeded.
fn add_with_rustup(progress: ProgressLog, stop: &AtomicBool) -> Result<bool> {
    let Some(rustup) = tools::find_in_path("rustup") else {
        return Ok(false);
    };
    let what = format!("rustup target add {}", Toolchain::TARGET);
    let mut waiting = progress.wait_for(&what);
    let mut child = cargo::in_workspace(rustup)
        .args(["target", "add", Toolchain::TARGET])
        // Its messages about an unreachable server would look final.
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        let stopped = stop.load(Ordering::SeqCst);
        if stopped || start.elapsed() > RUSTUP_TIMEOUT {
            child.kill()?;
            child.wait()?;
            if stopped {
                bail!("stopped");
            }
            return Ok(false);
        }
        waiting.go_on();
        thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_the_standard_library_is_not_a_target() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!has_std(folder.path()));
        assert!(!has_std(&folder.path().join("missing")));
        std::fs::write(folder.path().join("libstd-0123.rlib"), "").unwrap();
        assert!(has_std(folder.path()));
    }

    #[test]
    fn only_the_compiler_of_debian_builds_the_standard_library() {
        for (toolchain, builds) in [(Toolchain::Installed, false), (Toolchain::Debian, true)] {
            let mut command = toolchain.cargo();
            toolchain.add_standard_library(&mut command);
            assert_eq!(
                command
                    .get_args()
                    .any(|arg| arg == "-Zbuild-std=std,panic_abort"),
                builds
            );
        }
    }
}
