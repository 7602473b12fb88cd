//! The result of one round.

use std::time::Duration;

/// One round of one side.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Number of operations, right or wrong, within the round's time.
    pub done: u64,
    /// Number of wrong ones among them, and after them.
    pub errors: u64,
    /// The first of those errors.
    pub first_error: Option<String>,
    /// The duration.
    pub took: Duration,
    /// The duration of each operation, in microseconds; empty where single ones aren't timed.
    pub latencies: Vec<u32>,
}

impl Sample {
    /// A sample of operations that are only counted.
    pub fn counted(done: u64, took: Duration) -> Self {
        Self {
            done,
            took,
            ..Self::default()
        }
    }

    /// Notes a right operation.
    pub fn right(&mut self, took: Duration) {
        self.done += 1;
        self.latencies
            .push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    /// Notes a wrong operation.
    pub fn wrong(&mut self, why: impl FnOnce() -> String) {
        self.errors += 1;
        self.first_error.get_or_insert_with(why);
    }

    /// Adds the operations of a parallel task.
    pub fn merge(&mut self, other: Self) {
        self.done += other.done;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
        self.took = self.took.max(other.took);
        self.latencies.extend(other.latencies);
    }

    /// Operations per second.
    #[allow(clippy::cast_precision_loss)]
    pub fn per_second(&self) -> f64 {
        let seconds = self.took.as_secs_f64();
        if seconds == 0.0 {
            return 0.0;
        }
        self.done as f64 / seconds
    }
}

/// The value below which this percentage of the sorted values are.
pub fn percentile(sorted: &[u32], percent: usize) -> Option<u32> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get(last * percent / 100).copied()
}

/// The middle value.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    let upper = *values.get(half)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    values
        .get(half - 1)
        .map(|lower| f64::midpoint(*lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_two() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([]), None);
    }

    #[test]
    fn percentiles_are_samples() {
        let values: Vec<u32> = (1..=200).collect();
        assert_eq!(percentile(&values, 50), Some(100));
        assert_eq!(percentile(&values, 99), Some(198));
        assert_eq!(percentile(&values, 100), Some(200));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn concurrent_samples_add_up_over_the_same_time() {
        let mut both = Sample::counted(10, Duration::from_secs(2));
        let mut other = Sample::counted(30, Duration::from_secs(2));
        other.wrong(|| "500".to_owned());
        both.merge(other);
        assert!((both.per_second() - 20.0).abs() < 1e-9);
        assert_eq!((both.errors, both.first_error.as_deref()), (1, Some("500")));
    }
}
