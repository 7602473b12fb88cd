//! What measurements share: how much is measured, and where results go.

use std::time::Duration;
use tokio::runtime::Runtime;

use crate::report::Report;

/// How much is measured.
#[derive(Clone, Copy)]
pub struct Scale {
    pub rounds: usize,
    /// How long one round of requests takes.
    pub round: Duration,
    /// Documents in the read model that is rebuilt.
    pub rebuilt: usize,
    /// Commits in the stream that is replayed.
    pub replayed: u64,
    /// Events in the log with which the program starts.
    pub history: usize,
    /// Events in the season that is exported, about.
    pub season: u64,
}

pub const FULL: Scale = Scale {
    rounds: 5,
    round: Duration::from_secs(3),
    rebuilt: 60_000,
    replayed: 200_000,
    history: 100_000,
    season: 1_000_000,
};

pub const QUICK: Scale = Scale {
    rounds: 3,
    round: Duration::from_secs(1),
    rebuilt: 20_000,
    replayed: 60_000,
    history: 20_000,
    season: 100_000,
};

/// What measurements share.
pub struct Bench {
    pub scale: Scale,
    pub report: Report,
    /// Where the raw sides run.
    pub runtime: Runtime,
}
