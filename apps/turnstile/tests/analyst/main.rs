//! The commands for analysts: the real program against real servers.
//!
//! `support/season.rs` is a fixed small history, with fixed IDs and times, so that results can be
//! compared; where a running system is needed, the program itself serves it.
#![allow(clippy::unwrap_used)] // helpers of tests fail the test

mod bad_input;
mod command_line;
mod events;
mod export;
mod external_tools;
mod figures;
mod folds;
mod full_disk;
mod history;
mod import;
mod interrupted;
mod operators;
mod rebuild;
mod report;
mod shared_messages;
mod simulate;
mod support;
mod unreadable;
mod users;
mod verify;
