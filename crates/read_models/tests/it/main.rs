//! The read side on real servers. One binary, because linking costs more than running.
#![allow(clippy::unwrap_used, reason = "a test has nobody to hand an error to")]

mod faults;
mod folds;
mod halt;
mod holes;
mod lost_tail;
mod orders;
mod rebuild;
mod runner;
mod support;
mod tickets;
mod versions;
