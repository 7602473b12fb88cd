//! Keeps the documents true: compares their contents with the program and the source.
#![allow(clippy::unwrap_used)] // helpers of tests fail the test

mod configuration;
mod modules;
mod pages;
mod routes;
mod rust_source;
mod structure;
mod words;

use std::path::{Path, PathBuf};

/// The root of the repository.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.join("../..").canonicalize().unwrap()
}

/// A file of the repository.
fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
