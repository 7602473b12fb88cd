//! What is known of who may fold.

use std::time::Instant;

/// A lease that is held.
#[derive(Clone, Debug)]
pub struct HeldLease {
    /// Until when, by this process's clock. Counted from before the request was sent, so it ends
    /// before the store lets another in.
    pub until: Instant,
    /// The requested rebuild.
    pub rebuild: Option<String>,
    /// Whether folding is to rest.
    pub paused: bool,
}

/// The state of a lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeaseState {
    /// Whether anybody holds it.
    pub held: bool,
    /// Whether folding is to rest.
    pub paused: bool,
}
