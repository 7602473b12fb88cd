//! Time as an axis: a table has rows only for periods with events, and a chart of its rows alone
//! would put March next to June.

use chrono::{DateTime, TimeDelta, Utc};

/// The largest number of places that are drawn as bars.
const BARS: usize = 62;
/// The largest number of days that are shown by the hour.
const DAYS_BY_HOUR: usize = 2;

/// Consecutive periods of one length, each with a value.
#[derive(Debug, PartialEq)]
pub(crate) struct Timeline {
    pub begins: Vec<DateTime<Utc>>,
    pub values: Vec<f64>,
}

/// The value of a period without events.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Between {
    /// Nothing.
    Zero,
    /// The last value of the previous period.
    Last,
}

impl Timeline {
    /// Fills the gaps between the given periods: the beginning of each, its value, and its last
    /// value.
    pub fn of(
        rows: impl Iterator<Item = (DateTime<Utc>, f64, f64)>,
        period: TimeDelta,
        between: Between,
    ) -> Self {
        let (mut begins, mut values) = (Vec::new(), Vec::new());
        let mut ended_with = 0.0;
        for (begin, value, end) in rows {
            while let Some(next) = begins.last().map(|last: &DateTime<Utc>| *last + period)
                && next < begin
            {
                begins.push(next);
                values.push(match between {
                    Between::Zero => 0.0,
                    Between::Last => ended_with,
                });
            }
            begins.push(begin);
            values.push(value);
            ended_with = end;
        }
        Self { begins, values }
    }

    /// Whether so few days are better shown by the hour.
    pub fn is_short(&self) -> bool {
        self.begins.len() <= DAYS_BY_HOUR
    }

    /// Whether there are too many places for bars.
    pub fn is_long(&self) -> bool {
        self.begins.len() > BARS
    }

    /// The label of each place.
    pub fn labels(&self, format: &str) -> Vec<String> {
        let labels = self.begins.iter();
        labels
            .map(|begin| begin.format(format).to_string())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(number: u32) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(number.into())
    }

    fn of(rows: &[(u32, f64, f64)], between: Between) -> Timeline {
        let rows = rows.iter().map(|(at, value, end)| (day(*at), *value, *end));
        Timeline::of(rows, TimeDelta::days(1), between)
    }

    #[test]
    fn empty_periods_are_included() {
        let sales = of(&[(1, 5.0, 0.0), (4, 7.0, 0.0)], Between::Zero);
        assert_eq!(sales.values, [5.0, 0.0, 0.0, 7.0]);
        assert_eq!(sales.begins, [1, 2, 3, 4].map(day));
        assert_eq!(sales.labels("%d"), ["02", "03", "04", "05"]);
        let holds = of(
            &[(1, 5.0, 2.0), (3, 4.0, 0.0), (5, 1.0, 1.0)],
            Between::Last,
        );
        assert_eq!(holds.values, [5.0, 2.0, 4.0, 0.0, 1.0]);
    }

    #[test]
    fn an_empty_timeline_has_no_periods() {
        assert!(of(&[], Between::Zero).begins.is_empty());
    }
}
