//! The web app as its visitors see it: the real program, and a real Chromium without a window.
//!
//! Needs `frontend/dist`, which `cargo xtask build-web` creates; the browser and the accessibility
//! engine are installed if they are missing.
#![allow(clippy::unwrap_used)] // helpers of tests fail the test

mod accessibility;
mod analytics;
mod direction;
mod keyboard;
mod live;
mod market;
mod navigation;
mod network;
mod pace;
mod requests;
mod screens;
mod served;
mod session;
mod stripe;
mod support;
