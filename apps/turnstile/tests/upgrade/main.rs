//! Upgrades of a running system: two releases in parallel, and one session key after the other.
#![allow(clippy::unwrap_used)] // helpers of tests fail the test

mod keys;
mod next_release;
mod releases;
#[allow(dead_code, unused_imports, unused_macros)] // the black-box tests use more of it
#[path = "../black_box/support/mod.rs"]
mod support;
