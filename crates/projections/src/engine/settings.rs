//! The settings of a runner.

use std::time::Duration;

/// The settings of a runner. The defaults fit production; tests shorten the times.
#[derive(Clone, Debug)]
pub struct RunnerSettings {
    /// How long the lease of a process that died blocks others. Together with `stand_by` well below
    /// the 2 s that a response waits for its read model: then neither that response nor a read that
    /// follows it (which waits 1.8 s more) is affected by the death of a process.
    pub lease: Duration,
    /// Interval of renewals. Well below `lease`.
    pub renew: Duration,
    /// Interval at which a standby tries to take over.
    pub stand_by: Duration,
    /// The longest time that a checkpoint lags behind the documents.
    pub checkpoint: Duration,
    /// Limit for commits in one batch.
    pub batch: usize,
    /// The shortest time between two batches while no caller in this process waits for a commit.
    /// The cost of a batch hardly depends on its size, so this leaves the machine to appends. The
    /// first commit after an idle time is never delayed, nor is one that few callers wait for: a
    /// batch is then whatever is ready. Sixteen waiting callers are worth one millisecond of delay.
    pub gather: Duration,
    /// Pause after an error; doubled each time up to `pause_max`.
    pub pause: Duration,
    /// The longest pause after an error.
    pub pause_max: Duration,
}

impl Default for RunnerSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_millis(1_500),
            renew: Duration::from_millis(400),
            stand_by: Duration::from_millis(200),
            checkpoint: Duration::from_millis(100),
            batch: 2_000,
            gather: Duration::from_millis(5),
            pause: Duration::from_millis(100),
            pause_max: Duration::from_secs(2),
        }
    }
}
