//! What `cargo xtask test` looks at before it runs any test: format, spelling, lints, documentation.

use std::process::Command;

use anyhow::{Context, Result};
use devservers::tools;

use crate::cargo::{self, with};

/// The Python package that holds the program `typos`; compiled by cargo it would take minutes.
const TYPOS_VERSION: &str = "1.52.0";

/// The workspace of the web app.
pub const WEB_APP: &str = "frontend/Cargo.toml";

/// The checks that need nothing but cargo, and build nothing.
pub fn layout() -> Vec<Command> {
    vec![
        with(&["fmt", "--all", "--check"]),
        with(&["fmt", "--all", "--check", "--manifest-path", WEB_APP]),
    ]
}

/// The checks of the source and its documentation, in the order of how soon they can fail.
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
        // The example brings the tests' dependencies, which turn on features of shared ones: without
        // it, what clippy has checked of other crates would be checked a second time.
        rustdoc(&["--lib", "--bins", "--example", "bank_account"]),
        rustdoc(&["--manifest-path", WEB_APP]),
        with(&["test", "--doc", "--workspace"]),
        // What the web app decides without a browser, and the program that packs it.
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

/// Spelling in code and text, by `typos.toml`.
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

/// The documentation of all items, also private ones: a link that leads nowhere is an error.
fn rustdoc(args: &[&str]) -> Command {
    let mut command = with(&["doc", "--no-deps", "--workspace"]);
    command.arg("--document-private-items").args(args);
    command.env("RUSTDOCFLAGS", "-D warnings");
    command
}
