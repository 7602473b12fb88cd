//! The metrics of the read side.

use metrics::{Counter, Gauge, Histogram, Unit, counter, gauge, histogram};
use metrics::{describe_counter, describe_gauge, describe_histogram};

use crate::{Progress, RunnerState};

/// Describes the metrics of the read side. Call it once, after a recorder is installed.
pub fn describe_metrics() {
    describe_gauge!(
        "projection_lag_commits",
        "Commits that are in the log but not in the read model yet"
    );
    describe_gauge!(
        "projection_lag_seconds",
        Unit::Seconds,
        "Time for which the read model has not shown the whole log; 0 when it does"
    );
    describe_gauge!(
        "projection_state",
        "What this process does for the read model: 0 starting or stopped, 1 standing by, 2 active, 3 retrying, 4 halted, 5 filling it anew because the log lost its tail"
    );
    describe_counter!(
        "projection_commits_total",
        "Commits that this process folded into the read model"
    );
    describe_counter!(
        "projection_batches_total",
        "Batches that this process wrote into the read model"
    );
    describe_histogram!(
        "projection_write_seconds",
        Unit::Seconds,
        "Time that MongoDB took for one batch"
    );
    describe_counter!(
        "read_cache_total",
        "Reads by whether the rendered answer was in memory (hit) or had to be loaded (miss)"
    );
}

/// The metrics of one projection in this process.
pub(crate) struct Gauges {
    lag_commits: Gauge,
    lag_seconds: Gauge,
    state: Gauge,
    commits: Counter,
    batches: Counter,
    pub write: Histogram,
}

impl Gauges {
    pub fn new(projection: &'static str) -> Self {
        Self {
            lag_commits: gauge!("projection_lag_commits", "projection" => projection),
            lag_seconds: gauge!("projection_lag_seconds", "projection" => projection),
            state: gauge!("projection_state", "projection" => projection),
            commits: counter!("projection_commits_total", "projection" => projection),
            batches: counter!("projection_batches_total", "projection" => projection),
            write: histogram!("projection_write_seconds", "projection" => projection),
        }
    }

    pub fn state(&self, state: &RunnerState) {
        self.state.set(f64::from(state.code()));
    }

    #[allow(clippy::cast_precision_loss)]
    pub fn lag(&self, progress: &Progress) {
        self.lag_commits.set(progress.lag_commits() as f64);
        self.lag_seconds.set(progress.lag().as_secs_f64());
    }

    pub fn batch(&self, commits: u64) {
        self.commits.increment(commits);
        self.batches.increment(1);
    }
}

/// Hits and misses of a cache.
pub(crate) struct CacheMeters {
    pub hits: Counter,
    pub misses: Counter,
}

impl Default for CacheMeters {
    /// Counts nothing.
    fn default() -> Self {
        Self {
            hits: Counter::noop(),
            misses: Counter::noop(),
        }
    }
}

impl CacheMeters {
    pub fn new(cache: &'static str) -> Self {
        let result = |result| counter!("read_cache_total", "cache" => cache, "result" => result);
        Self {
            hits: result("hit"),
            misses: result("miss"),
        }
    }
}
