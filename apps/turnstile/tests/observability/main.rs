//! An operator's view of a running marketplace: metrics, alerts and the dashboard based on them,
//! traces, log lines.
#![allow(clippy::unwrap_used)] // helpers of tests fail the test

mod collector;
mod metrics;
mod rules;
mod scrape;
#[allow(dead_code, unused_imports, unused_macros)] // the black-box tests use more of it
#[path = "../black_box/support/mod.rs"]
mod support;
mod traces;

use std::path::{Path, PathBuf};

/// A file of the repository.
fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(file(path)).unwrap()
}
