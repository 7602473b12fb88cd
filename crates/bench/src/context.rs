//! The context of measurements: their scale, and the report.

use std::time::Duration;
use tokio::runtime::Runtime;

use crate::report::BenchReport;

/// The scale of measurements.
#[derive(Clone, Copy)]
pub struct Scale {
    pub rounds: usize,
    /// Duration of one round of requests.
    pub round: Duration,
    /// Documents in the read model that is rebuilt.
    pub rebuilt: usize,
    /// Commits in the stream that is replayed.
    pub replayed: u64,
    /// Number of events in the log with which the program starts.
    pub history: usize,
    /// Approximate number of events in the season that is exported.
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

/// The shared state of measurements.
pub struct Bench {
    pub scale: Scale,
    pub report: BenchReport,
    /// The runtime of the raw sides.
    pub runtime: Runtime,
}
