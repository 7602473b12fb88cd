//! Questions to the event log: what sold, when, at what price, and why something is as it is.
//!
//! Everything here only reads. The log is read through ordered consumers, which leave nothing
//! behind in the server, and what is asked of it never waits for a read model.
//!
//! | to | use |
//! |---|---|
//! | say which part of the log is meant | [`Range`], [`Bound`] |
//! | read what happened to one aggregate | [`commits_of`] |
//! | read several streams as one, in order of time, in bounded memory | [`Span::read`] |
//! | read on behind what can't be read | [`Resuming`] |
//! | flatten a commit into rows, one an event | [`EventRow::of`], [`EVENT_COLUMNS`] |
//! | answer a question that needs the whole log | a [`Fold`], run by [`replay()`] |
//! | keep the answer up to date while the log grows | [`IncrementalReplay`] |
//! | know how a thing came to be as it is | [`find`], [`history()`] |
//! | see it as it was at a moment | [`Aggregate`] |
//! | see what was for sale | [`OnSale`] |
//! | see whether the log holds together | [`check()`] |
//! | show an answer | [`Table`] |
//!
//! # Guarantees
//!
//! - **The same range gives the same bytes.** A fold sees commits and nothing else: no clock, no
//!   randomness. Its tables have a fixed order of rows and columns. Money is counted in whole
//!   cents and shares in integers, so no sum depends on the order in which it was added up.
//! - **Memory is bounded** by what a fold has to remember, not by the length of the log: a reader
//!   holds a few thousand commits of each stream, whoever reads slowly.
//! - **Nothing is skipped.** A commit that can't be read, a gap, a range that ends where the log
//!   doesn't, and a connection that is lost in the middle are errors that name stream and sequence.
//!
//! # Which time
//!
//! Everything is ordered and selected by the time at which a command was *taken*
//! ([`eventstore::Metadata::time`]), not by the one at which the server stored its commit: it is
//! the time that people mean, and the one that is still the same after a log was exported and
//! imported elsewhere. Clocks of processes differ, so a commit can bear an earlier time than the
//! one before it in the same stream. Within a stream the stream's own order counts, whatever the
//! clocks say; between streams, that of the times.
#![deny(missing_docs)]

mod aggregate;
mod check;
mod error;
mod events;
mod fold;
pub mod folds;
mod history;
mod incremental_replay;
mod moment;
mod on_sale;
mod range;
mod read;
mod replay;
mod row;
mod span;
mod table;

pub use aggregate::{Aggregate, FieldChange, changes};
pub use check::{Checked, Finding, Resuming, Rule, check, check_with};
pub use error::AnalysisError;
pub use events::events_of;
pub use fold::{Entry, Fold};
pub use history::{Entity, Step, find, history};
pub use incremental_replay::{IncrementalReplay, ReplayProgress};
pub use on_sale::OnSale;
pub use range::{Bound, InvalidBound, Range, stream_named};
pub use read::{Commits, commits_of};
pub use replay::{Replayed, replay};
pub use row::{EVENT_COLUMNS, EventRow, without_secrets_in};
pub use span::Span;
pub use table::{Cell, Column, Table, money, share};
