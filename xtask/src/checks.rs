//! The checks of `cargo xtask test` before the tests: format, spelling, lints, documentation.

use std::process::Command;

use anyhow::{Context, Result};
use devservers::tools;

use crate::bench::PEERS;
use crate::cargo::{self, with};

/// The Python package with the program `typos`; compiling it with cargo would take minutes.
const TYPOS_VERSION: &str = "1.52.0";

/// The workspace of the web app.
pub const WEB_APP: &str = "frontend/Cargo.toml";

/// The checks that need only cargo, and build nothing.
pub fn layout() -> Vec<Command> {
    vec![
        with(&["fmt", "--all", "--check"]),
        with(&["fmt", "--all", "--check", "--manifest-path", WEB_APP]),
        with(&["fmt", "--check", "--manifest-path", PEERS]),
    ]
}

/// The checks of the source and its documentation, those that fail soonest first.
///
/// # Errors
/// When typos is missing and can't be installed.
pub fn source() -> Result<Vec<Command>> {
    Ok(vec![
        spelling()?,
        with(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]),
        // The web app compiles for the host, too, though it only runs in a browser.
        with(&[
            "clippy",
            "--manifest-path",
            WEB_APP,
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]),
        // The example includes the tests' dependencies, which enable features of shared ones:
        // without it, clippy would check other crates a second time.
        rustdoc(&["--lib", "--bins", "--example", "bank_account"]),
        rustdoc(&["--manifest-path", WEB_APP]),
        with(&["test", "--doc", "--workspace"]),
        // The part of the web app that runs without a browser, and its packer.
        with(&[
            "test",
            "--manifest-path",
            WEB_APP,
            "--package",
            "state",
            "--package",
            "pack",
        ]),
    ])
}

/// Checks the spelling in code and text, with `typos.toml`.
fn spelling() -> Result<Command> {
    let typos = match tools::find_in_path("typos") {
        Some(found) => found,
        None => tools::python_package("typos", TYPOS_VERSION)
            .context("the spelling is checked by typos")?
            .join("bin/typos"),
    };
    let mut command = cargo::in_workspace(typos);
    command.args(["--format", "brief"]);
    Ok(command)
}

/// Builds the documentation of all items, including private ones: a broken link is an error.
fn rustdoc(args: &[&str]) -> Command {
    let mut command = with(&["doc", "--no-deps", "--workspace"]);
    command.arg("--document-private-items").args(args);
    command.env("RUSTDOCFLAGS", "-D warnings");
    command
}
