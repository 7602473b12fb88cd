//! What can become of a message in hand.

use std::time::Duration;

/// What the server is to do with it.
pub(super) enum Disposition {
    Done,
    Later(Duration),
    /// Given back for a while, with all behind it.
    Park,
}

/// How trying it ended.
pub(super) enum Attempt {
    Done,
    Later(Duration),
    Park,
    Dead { tries: u32, error: String },
}
