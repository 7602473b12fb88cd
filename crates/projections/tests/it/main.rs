//! The read side against real servers, and its example.
#![allow(clippy::unwrap_used, reason = "a test has nobody to hand an error to")]

mod example;
mod folds;
mod several_streams;
mod support;
