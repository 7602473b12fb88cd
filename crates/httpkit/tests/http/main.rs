//! The HTTP code over real connections.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod compression;
mod conventions;
mod lifecycle;
mod logs;
