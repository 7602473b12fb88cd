//! What a fold is.

use chrono::{DateTime, Utc};
use domain::AnyEvent;
use eventstore::{Commit, StreamName};

use crate::Table;

/// A question that is answered by looking at every event once, in order.
///
/// A fold sees the log from its first commit on, also when only a later part is asked for: how
/// long a ticket took to sell can't be told without its listing. [`Entry::in_range`] says whether
/// an event belongs to the range; what comes before is only there to be remembered.
///
/// What makes the answer the same each time: no clock, no randomness, no map whose order depends
/// on either, and no floating point.
pub trait Fold: Send {
    /// The streams that it needs. Fewer are read faster.
    fn streams(&self) -> &'static [StreamName];

    /// The range begins at this moment: whatever was live by now is live in it. Called once, before
    /// the first event that counts, and without any before the end. Not called for the whole log.
    fn begin(&mut self, at: DateTime<Utc>) {
        let _ = at;
    }

    /// Takes note of an event. Within a stream they come in the stream's order, between streams
    /// in order of time.
    fn apply(&mut self, entry: &Entry<'_>);

    /// The answer on the events that were seen until now, which more may follow. What it says does
    /// not depend on how often it was asked for; it may sort what it remembers, so that asking again
    /// costs little.
    fn tables(&mut self) -> Vec<Table>;

    /// The answer, after the last event of the range.
    fn finish(mut self: Box<Self>) -> Vec<Table> {
        self.tables()
    }
}

/// One event, and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The commit that it is part of.
    pub commit: &'a Commit,
    /// The aggregate's version; the first event ever has 0.
    pub version: u64,
    /// What happened.
    pub event: &'a AnyEvent,
    /// Whether it is in the range that was asked for, and not before it.
    pub in_range: bool,
}

impl Entry<'_> {
    /// When it happened.
    pub fn time(&self) -> DateTime<Utc> {
        self.commit.metadata.time
    }
}
