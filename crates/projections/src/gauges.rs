//! What is measured of a projection.

use metrics::{Counter, Gauge, counter, gauge};

use crate::{Progress, RunnerState};

/// The metrics of one projection in this process.
pub(crate) struct Gauges {
    lag_events: Gauge,
    lag_seconds: Gauge,
    state: Gauge,
    events: Counter,
    batches: Counter,
}

impl Gauges {
    pub fn new(projection: &'static str) -> Self {
        Self {
            lag_events: gauge!("projection_lag_events", "projection" => projection),
            lag_seconds: gauge!("projection_lag_seconds", "projection" => projection),
            state: gauge!("projection_state", "projection" => projection),
            events: counter!("projection_events_total", "projection" => projection),
            batches: counter!("projection_batches_total", "projection" => projection),
        }
    }

    pub fn state(&self, state: &RunnerState) {
        self.state.set(f64::from(state.code()));
    }

    #[allow(clippy::cast_precision_loss)]
    pub fn lag(&self, progress: &Progress) {
        self.lag_events.set(progress.lag_events() as f64);
        self.lag_seconds.set(progress.lag().as_secs_f64());
    }

    pub fn batch(&self, events: u64) {
        self.events.increment(events);
        self.batches.increment(1);
    }
}
