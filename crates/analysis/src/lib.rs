//! Queries on the event log: what sold, when, at what price, and how an aggregate got into its
//! state.
//!
//! Everything here only reads. The log is read through ordered consumers, which leave nothing
//! behind in the server, and no query waits for a read model.
//!
//! | to | use |
//! |---|---|
//! | select a part of the log | [`Range`], [`Bound`] |
//! | read the commits of one aggregate | [`commits_of`] |
//! | read several streams as one, in order of time, in bounded memory | [`ResolvedRange::read`] |
//! | continue behind unreadable commits | [`Resuming`] |
//! | flatten a commit into rows, one per event | [`EventRow::of`], [`EVENT_COLUMNS`] |
//! | answer a query that needs the whole log | a [`Fold`], run by [`replay()`] |
//! | keep the result up to date while the log grows | [`IncrementalReplay`] |
//! | explain the state of a ticket, order, payment or user | [`find`], [`history()`] |
//! | get an aggregate's state at a moment | [`Aggregate`] |
//! | list the tickets that were for sale | [`OnSale`] |
//! | check the consistency of the log | [`check()`] |
//! | print a result | [`Table`] |
//!
//! # Guarantees
//!
//! - **The same range results in the same bytes.** A fold sees commits and nothing else: no clock,
//!   no randomness. Its tables have a fixed order of rows and columns. Money is counted in whole
//!   cents and shares in integers, so no sum depends on the order of its addends.
//! - **Memory is limited** by the state of a fold, not by the length of the log: a reader holds a
//!   few thousand commits of each stream, however slowly they are processed.
//! - **Nothing is skipped.** An unreadable commit, a gap, a range that ends beyond the log, and a
//!   lost connection are errors that name stream and sequence.
//!
//! # Times
//!
//! Everything is ordered and selected by the time at which a command was *accepted*
//! ([`eventstore::Metadata::time`]), not by the time at which the server stored its commit: it is
//! the time that users mean, and it stays the same when a log is exported and imported elsewhere.
//! The clocks of processes differ, so a commit can have an earlier time than the one before it in
//! the same stream. Within a stream its own order counts, whatever the clocks show; between
//! streams, the times count.
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
mod resolved_range;
mod row;
mod table;

pub use aggregate::{Aggregate, FieldChange, changes};
pub use check::{Checked, Finding, Resuming, Rule, check, check_with};
pub use error::AnalysisError;
pub use events::events_of;
pub use fold::{Fold, RecordedEvent};
pub use history::{Entity, HistoryStep, find, history};
pub use incremental_replay::{IncrementalReplay, ReplayProgress};
pub use on_sale::OnSale;
pub use range::{Bound, InvalidBound, Range, stream_named};
pub use read::{Commits, commits_of};
pub use replay::{Replayed, replay};
pub use resolved_range::ResolvedRange;
pub use row::{EVENT_COLUMNS, EventRow, without_secrets_in};
pub use table::{Cell, Column, Table, money, share};
