//! Folds.

use chrono::{DateTime, Utc};
use domain::AnyEvent;
use eventstore::{Commit, StreamName};

use crate::Table;

/// A question that is answered by looking at every event once, in order.
///
/// A fold sees the log from its first commit on, even when only a later part is asked for: how
/// long a ticket took to sell can't be known without its listing. [`Entry::in_range`] states whether
/// an event belongs to the range; what comes before is only there to be remembered.
///
/// The answer is the same each time, since a fold has no clock, no randomness, no map whose order
/// depends on either, and no floating point.
pub trait Fold: Send {
    /// The streams that it needs. Fewer are read faster.
    fn streams(&self) -> &'static [StreamName];

    /// Begins the range at this moment: whatever is live by now is live in it. Called once, before
    /// the first event in the range, and without any before the end. Not called for the whole log.
    fn begin(&mut self, at: DateTime<Utc>) {
        let _ = at;
    }

    /// Applies an event of one of its streams. Within a stream they come in the stream's order,
    /// between streams in order of time.
    fn apply(&mut self, entry: &Entry<'_>);

    /// Returns the answer on the events so far, which more may follow. It does not depend on how
    /// often it was asked for; asking may sort what the fold remembers, so that asking again costs
    /// little.
    fn tables(&mut self) -> Vec<Table>;
}

/// One event, and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The commit that it is part of.
    pub commit: &'a Commit,
    /// The aggregate's version; the first event has 0.
    pub version: u64,
    /// The event.
    pub event: &'a AnyEvent,
    /// Whether it is in the range that was asked for, and not before it.
    pub in_range: bool,
}

impl Entry<'_> {
    /// The time at which its command was taken.
    pub fn time(&self) -> DateTime<Utc> {
        self.commit.metadata.time
    }
}
