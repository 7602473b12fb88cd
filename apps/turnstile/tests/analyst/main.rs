//! The commands of those who ask the log: the real program against real servers.
//!
//! `support/season.rs` is a fixed small history, with fixed ids and times, so that answers can be
//! compared with what they were; where a system has to be alive, the program itself serves it.
#![allow(clippy::unwrap_used)] // helpers of tests fail the test

mod bad_input;
mod command_line;
mod elsewhere;
mod events;
mod export;
mod figures;
mod folds;
mod full_disk;
mod import;
mod interrupted;
mod operators;
mod rebuild;
mod report;
mod simulate;
mod stories;
mod support;
mod unreadable;
mod users;
mod verify;
