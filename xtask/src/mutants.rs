//! `cargo xtask mutants`: changes the code in small ways and checks whether a test notices.
//!
//! Only code that decides: the tests of other code need servers, and would take days.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, bail};
use devservers::tools;

use crate::cargo::{self, Ended};
use crate::progress::ProgressLog;

/// Installed when cargo-mutants is missing.
const VERSION: &str = "27.1.0";
/// The share of viable mutants, in percent, that the tests must catch.
const WANTED: usize = 95;

/// A package and its pure files.
struct Pure {
    package: &'static str,
    /// Below `src`; all files if none is named.
    files: &'static [&'static str],
    /// The tests that run without a server.
    tests: &'static [&'static str],
}

const PURE: [Pure; 5] = [
    Pure {
        package: "domain",
        files: &[],
        tests: &[],
    },
    Pure {
        package: "turnstile-eventstore",
        files: &[
            "admin/stream_plan/difference.rs",
            "admin/stream_settings/mod.rs",
            "commit/encode.rs",
            "commit/mod.rs",
            "connection/server_version.rs",
            "connection/tail.rs",
            "store/cache.rs",
            "stream_name.rs",
            "subject.rs",
        ],
        tests: &["--lib"],
    },
    Pure {
        package: "turnstile-projections",
        files: &[
            "bson_values.rs",
            "cursor.rs",
            "engine/announce.rs",
            "mongo/errors.rs",
            "mongo/guarantees.rs",
            "store/batch.rs",
        ],
        tests: &["--lib"],
    },
    Pure {
        package: "httpkit",
        files: &[
            "client_address.rs",
            "config/currency.rs",
            "config/nats.rs",
            "config/payments.rs",
            "config/render.rs",
            "config/stripe.rs",
            "config/traces.rs",
            "etag.rs",
            "sse.rs",
            "idempotency/fingerprint.rs",
            "middleware/cross_site.rs",
            "prefer.rs",
            "request_id.rs",
            "session/cookie.rs",
        ],
        tests: &["--lib"],
    },
    Pure {
        package: "api",
        files: &[],
        tests: &[],
    },
];

#[derive(clap::Args)]
pub struct Options {
    /// Only this package; may be repeated.
    #[arg(long, short, value_name = "NAME", value_parser = PURE.map(|pure| pure.package))]
    package: Vec<String>,
}

/// The outcomes of the changes in a package.
#[derive(Debug, Default)]
struct Score {
    noticed: usize,
    missed: Vec<String>,
    /// They don't compile.
    unviable: usize,
}

impl Score {
    /// Reads the results of cargo-mutants. A change that makes a test run forever counts as
    /// noticed.
    fn read(folder: &Path) -> Result<Self> {
        let lines = |name: &str| -> Result<Vec<String>> {
            let file = folder.join(name);
            let text = fs::read_to_string(&file)
                .with_context(|| format!("can't read {}", file.display()))?;
            Ok(text.lines().map(str::to_owned).collect())
        };
        Ok(Self {
            noticed: lines("caught.txt")?.len() + lines("timeout.txt")?.len(),
            missed: lines("missed.txt")?,
            unviable: lines("unviable.txt")?.len(),
        })
    }

    fn viable(&self) -> usize {
        self.noticed + self.missed.len()
    }

    fn is_enough(&self) -> bool {
        self.noticed * 100 >= self.viable() * WANTED
    }
}

pub fn run(options: &Options, stop: &AtomicBool) -> Result<ExitCode> {
    let progress = ProgressLog::new();
    progress.say("looking for cargo-mutants");
    let program = match tools::find_in_path("cargo-mutants") {
        Some(found) => found,
        None => tools::cargo_program("cargo-mutants", VERSION, "cargo-mutants")
            .context("`cargo install cargo-mutants --locked` makes it")?,
    };
    let folder = tools::workspace().join("target/mutants");
    let is_meant = |pure: &&Pure| {
        let named = &options.package;
        named.is_empty() || named.iter().any(|name| name == pure.package)
    };
    let mut scores = Vec::new();
    for pure in PURE.iter().filter(is_meant) {
        progress.say(&format!("changing {} (minutes)", pure.package));
        let Some(score) = changed(pure, &program, &folder, stop)? else {
            return Ok(ExitCode::FAILURE);
        };
        scores.push((pure.package, score));
    }
    println!("package      noticed  missed  percent  don't compile");
    for (package, score) in &scores {
        let (noticed, missed) = (score.noticed, score.missed.len());
        let percent = 100 * noticed / score.viable().max(1);
        let unviable = score.unviable;
        println!("{package:<12} {noticed:>7} {missed:>7} {percent:>8} {unviable:>14}");
    }
    for (_, score) in &scores {
        for missed in &score.missed {
            println!("missed: {missed}");
        }
    }
    if scores.iter().all(|(_, score)| score.is_enough()) {
        return Ok(ExitCode::SUCCESS);
    }
    bail!("fewer than {WANTED} % of the changes are noticed by a test")
}

/// Changes one package; returns `None` if it was stopped.
fn changed(pure: &Pure, program: &Path, folder: &Path, stop: &AtomicBool) -> Result<Option<Score>> {
    let output = folder.join(pure.package);
    if output.exists() {
        fs::remove_dir_all(&output)?;
    }
    fs::create_dir_all(&output)?;
    let mut mutants = cargo::in_workspace(program);
    mutants.args(["mutants", "--package", pure.package, "--output"]);
    mutants.arg(&output);
    mutants.args(["--no-shuffle", "--colors", "never", "--timeout", "60"]);
    for file in pure.files {
        let file = source(pure.package).join(file);
        mutants.arg("--file").arg(file);
    }
    // For the build as well, which would otherwise link every test of the package for each change.
    for argument in pure.tests {
        mutants.arg(format!("--cargo-arg={argument}"));
    }
    mutants.args(["--", "--package", pure.package]);
    // The workspace is copied to another folder each time; its dependencies are compiled once.
    mutants.env("CARGO_TARGET_DIR", folder.join("build"));
    match cargo::run(&mut mutants, stop)? {
        Ended::Stopped => Ok(None),
        // Exit codes 2 and 3 report missed changes and tests that run forever.
        Ended::With(status) if matches!(status.code(), Some(0 | 2 | 3)) => {
            Score::read(&output.join("mutants.out")).map(Some)
        }
        Ended::With(status) => bail!("cargo mutants failed: {status}; what it said stands above"),
    }
}

fn source(package: &str) -> PathBuf {
    Path::new("crates")
        .join(package.trim_start_matches("turnstile-"))
        .join("src")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_listed_files_exist() {
        for pure in &PURE {
            let source = tools::workspace().join(source(pure.package));
            assert!(source.is_dir(), "{}", source.display());
            for file in pure.files {
                let file = source.join(file);
                assert!(file.is_file(), "{}", file.display());
            }
        }
    }

    #[test]
    fn timeouts_count_as_caught() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("caught.txt", "a\n".repeat(18)),
            ("timeout.txt", "b\n".to_owned()),
            ("missed.txt", "c\n".to_owned()),
            ("unviable.txt", "d\n".repeat(7)),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let mut score = Score::read(folder.path()).unwrap();
        assert_eq!((score.viable(), score.unviable), (20, 7));
        assert!(score.is_enough(), "19 of 20 are 95 %");
        score.noticed -= 1;
        assert!(!score.is_enough());
    }
}
