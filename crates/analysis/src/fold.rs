//! Folds.

use chrono::{DateTime, Utc};
use domain::AnyEvent;
use eventstore::{Commit, StreamName};

use crate::Table;

/// A query that reads every event once, in order.
///
/// A fold sees the log from its first commit on, even when only a later part is requested: the time
/// until a ticket sold can't be computed without its listing. [`RecordedEvent::in_range`] states
/// whether an event belongs to the range; earlier events only build up state.
///
/// The result is always the same, since a fold has no clock, no randomness, no map whose order
/// depends on either, and no floating point.
pub trait Fold: Send {
    /// The streams that it needs. Fewer are read faster.
    fn streams(&self) -> &'static [StreamName];

    /// Begins the range at this moment: everything that is live now is live in the range. Called
    /// once, before the first event in the range; if there is none, at the end. Not called for the
    /// whole log.
    fn begin(&mut self, at: DateTime<Utc>) {
        let _ = at;
    }

    /// Applies an event of one of its streams. Events arrive in their stream's order, and ordered
    /// by time between streams.
    fn apply(&mut self, entry: &RecordedEvent<'_>);

    /// Returns the result of the events so far; more may follow. It does not depend on the number
    /// of calls; a call may sort the fold's state, so that the next one is cheap.
    fn tables(&mut self) -> Vec<Table>;
}

/// One event, and its place.
#[derive(Clone, Copy, Debug)]
pub struct RecordedEvent<'a> {
    /// Its commit.
    pub commit: &'a Commit,
    /// The aggregate's version; the first event has 0.
    pub version: u64,
    /// The event.
    pub event: &'a AnyEvent,
    /// Whether it belongs to the requested range, and not to the commits before it.
    pub in_range: bool,
}

impl RecordedEvent<'_> {
    /// The time at which its command was accepted.
    pub fn time(&self) -> DateTime<Utc> {
        self.commit.metadata.time
    }
}
