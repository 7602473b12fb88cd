//! `cargo xtask test`: everything that CI checks; the checks that fail soonest come first.

use std::env;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use devservers::{MongoOptions, MongoServer, tools};

use crate::build_web;
use crate::cargo::{self, Ended};
use crate::checks;
use crate::images;
use crate::progress::ProgressLog;

/// Installed when cargo-nextest is missing.
const NEXTEST_VERSION: &str = "0.9.143";

/// A browser, its driver, and a font for its pages.
const BROWSER: [&str; 3] = ["chromium", "chromium-driver", "fonts-dejavu-core"];

#[derive(clap::Args)]
pub struct Options {
    /// Arguments of `cargo nextest run`, such as the name of a test or `-p domain`. With any, only
    /// the tests run, without the checks before them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    filter: Vec<String>,
}

/// Runs the checks up to the first that fails; the tests come last, so their summary does, too.
pub fn run(options: &Options, stop: &AtomicBool) -> Result<ExitCode> {
    let progress = ProgressLog::new();
    if options.filter.is_empty() {
        // Takes a second, before anything is installed or built.
        if let Some(failure) = first_failure(checks::layout(), progress, stop)? {
            return Ok(failure);
        }
    }
    progress.say("looking for the tools");
    let nextest = nextest()?;
    tools::nats_server()?;
    tools::mongod()?;

    let mut checks = if options.filter.is_empty() {
        checks::source()?
    } else {
        Vec::new()
    };
    // The black-box tests also run the services as separate processes, and cargo builds a binary
    // only for the tests of its own package. Together with the tests, because cargo would build
    // everything a second time for programs without them: the tests' own dependencies enable
    // features of shared ones.
    checks.push(cargo::with(&["build", "--workspace", "--bins", "--tests"]));
    // The test of an upgrade builds the next release, and has no time to do so on a machine that
    // runs other tests. The example is there for the reason above: it includes the tests'
    // dependencies, and unlike a test it doesn't build the programs of its package under their own
    // names.
    checks.push(cargo::with(&[
        "build",
        "--workspace",
        "--bin",
        "turnstile-next",
        "--example",
        "bank_account",
        "--features",
        "turnstile/next-release",
    ]));
    if options.filter.is_empty() {
        match images::obstacle() {
            None => checks.push(images()?),
            Some(obstacle) => progress.say(&format!("the images are not checked: {obstacle}")),
        }
    }
    // The tests in the browser need these, and would otherwise install them within their own time
    // limit.
    tools::debian_packages(&BROWSER).context("the web app is tested in a browser")?;
    if build_web::build(progress, stop)?.is_none() {
        return Ok(ExitCode::FAILURE);
    }
    // One server for all tests, with a database for each: it takes longer to start than any test
    // runs. NATS starts at once, and each test has its own.
    let mongo = MongoServer::start(&MongoOptions::default()).context("for the tests")?;
    let mut tests = cargo::in_workspace(nextest);
    tests.args(["nextest", "run"]);
    // With `-p` it would take precedence.
    if options.filter.is_empty() {
        tests.arg("--workspace");
    }
    tests.args(&options.filter);
    checks.push(tests);

    for check in &mut checks {
        check.env("TEST_MONGODB_URI", mongo.url());
    }
    Ok(first_failure(checks, progress, stop)?.unwrap_or(ExitCode::SUCCESS))
}

/// Runs one check after the other, up to the first that fails or is stopped.
pub fn first_failure(
    checks: Vec<Command>,
    progress: ProgressLog,
    stop: &AtomicBool,
) -> Result<Option<ExitCode>> {
    for mut check in checks {
        let line = describe(&check);
        progress.say(&line);
        match cargo::run(&mut check, stop)? {
            Ended::With(status) if status.success() => {}
            Ended::With(status) => {
                progress.say(&format!("failed: {line}"));
                let code = status.code().and_then(|code| u8::try_from(code).ok());
                return Ok(Some(code.map_or(ExitCode::FAILURE, ExitCode::from)));
            }
            Ended::Stopped => {
                progress.say(&format!("stopped: {line}"));
                return Ok(Some(ExitCode::FAILURE));
            }
        }
    }
    Ok(None)
}

/// `cargo xtask images`, as a separate process that can be stopped like all others.
fn images() -> Result<Command> {
    let mut images = cargo::in_workspace(env::current_exe()?);
    images.arg("images");
    Ok(images)
}

fn nextest() -> Result<PathBuf> {
    match tools::find_in_path("cargo-nextest") {
        Some(found) => Ok(found),
        None => tools::cargo_program("cargo-nextest", NEXTEST_VERSION, "cargo-nextest")
            .context("the tests need cargo-nextest: `cargo install cargo-nextest --locked`"),
    }
}

fn describe(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let mut words = vec![program.file_name().map_or_else(
        || program.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )];
    words.extend(
        command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    words.join(" ")
}
