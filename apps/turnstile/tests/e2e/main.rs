//! The web app as its visitors see it: the real program, and a real Chromium without a window.
//!
//! Needs `frontend/dist`, which `cargo xtask build-web` creates; the browser and the accessibility
//! engine are installed if they are missing.
#![allow(clippy::unwrap_used)] // helpers of tests fail the test

mod accessibility;
mod analytics;
mod busy_market;
mod direction;
mod keyboard;
mod live;
mod market;
mod navigation;
mod network;
mod requests;
mod screens;
mod session;
mod static_files;
mod stripe;
mod support;
