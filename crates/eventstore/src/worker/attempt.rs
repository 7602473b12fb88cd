//! The possible outcomes for a message in hand.

use std::time::Duration;

/// What the server does with the message.
pub(super) enum Disposition {
    Done,
    Later(Duration),
    /// Given back for a while, with all messages behind it.
    Park,
}

/// The outcome of a try.
pub(super) enum Attempt {
    Done,
    Later(Duration),
    Park,
    Dead { tries: u32, error: String },
}
