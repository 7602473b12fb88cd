//! What plots are made of: lengths, places and words, from figures.

use chrono::{DateTime, TimeDelta, Utc};

/// A length, in thousandths of the longest: what a bar is long of.
///
/// Integers, so that the same figures give the same picture; whatever isn't nothing is seen.
pub fn length(value: u64, longest: u64) -> u64 {
    if value == 0 || longest == 0 {
        return 0;
    }
    let exact = u128::from(value.min(longest)) * 1000 / u128::from(longest);
    u64::try_from(exact).unwrap_or(1000).max(5)
}

/// A share in whole percent, rounded half up; none of nothing.
pub fn percent_of(part: u64, whole: u64) -> Option<u64> {
    let doubled = u128::from(part) * 200 + u128::from(whole);
    let rounded = doubled.checked_div(u128::from(whole) * 2)?;
    u64::try_from(rounded).ok()
}

/// Fewer periods would be columns as broad as the page.
pub const LEAST: usize = 12;

/// The periods of a plot over time, oldest first, each as long as `step`: from the first that is
/// known of to the newest, but no more than `most`, and at least `LEAST`. What isn't known of is
/// there without a value, so that the axis is time and not a list.
///
/// `known` is in order of time, on whole steps.
pub fn periods<T: Copy>(
    known: &[T],
    begin: impl Fn(&T) -> DateTime<Utc>,
    step: TimeDelta,
    most: usize,
) -> Vec<(DateTime<Utc>, Option<T>)> {
    let (Some(first), Some(last)) = (known.first().map(&begin), known.last().map(&begin)) else {
        return Vec::new();
    };
    let mut periods = Vec::new();
    let mut at = last;
    let mut rest = known.iter().rev().peekable();
    while periods.len() < most && (at >= first || periods.len() < LEAST) {
        let found = rest.next_if(|value| begin(value) >= at);
        periods.push((at, found.copied()));
        let Some(earlier) = at.checked_sub_signed(step) else {
            break;
        };
        at = earlier;
    }
    periods.reverse();
    periods
}

/// How long something took, in the largest unit of which it is at least two, or else seconds.
pub fn span_text(milliseconds: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(86_400, "days"), (3_600, "hours"), (60, "minutes")];
    let seconds = milliseconds / 1000;
    let unit = UNITS.into_iter().find(|(unit, _)| seconds >= 2 * unit);
    match unit {
        Some((unit, name)) => format!("{} {name}", seconds / unit),
        None if seconds == 1 => "1 second".to_owned(),
        None => format!("{seconds} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_is_full_and_the_shortest_is_visible() {
        assert_eq!(length(7, 7), 1000);
        assert_eq!(length(1, 2), 500);
        assert_eq!(length(1, u64::MAX), 5);
        assert_eq!(length(u64::MAX, u64::MAX), 1000);
    }

    #[test]
    fn zero_has_no_length() {
        assert_eq!(length(0, 7), 0);
        assert_eq!(length(0, 0), 0);
        assert_eq!(length(7, 0), 0);
    }

    #[test]
    fn shares_are_rounded_and_an_empty_total_has_none() {
        assert_eq!(percent_of(1, 3), Some(33));
        assert_eq!(percent_of(2, 3), Some(67));
        assert_eq!(percent_of(1, 8), Some(13));
        assert_eq!(percent_of(3, 3), Some(100));
        assert_eq!(percent_of(0, 3), Some(0));
        assert_eq!(percent_of(0, 0), None);
    }

    fn hour(hour: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hour)
    }

    #[test]
    fn empty_periods_are_shown() {
        let known = [(hour(3), 'a'), (hour(16), 'b')];
        let shown = periods(&known, |(begin, _)| *begin, TimeDelta::hours(1), 20);
        let hours: Vec<_> = shown.iter().map(|(begin, _)| *begin).collect();
        assert_eq!(hours, (3..=16).map(hour).collect::<Vec<_>>());
        let found: Vec<_> = shown.iter().filter_map(|(_, found)| *found).collect();
        assert_eq!(found, known);
        assert_eq!((shown[0].1, shown[13].1), (Some(known[0]), Some(known[1])));
    }

    #[test]
    fn a_short_time_is_shown_as_part_of_a_longer_one() {
        let shown = periods(&[hour(3)], |begin| *begin, TimeDelta::hours(1), 20);
        assert_eq!(shown.len(), LEAST);
        assert_eq!(shown.last(), Some(&(hour(3), Some(hour(3)))));
        assert!(shown[..LEAST - 1].iter().all(|(_, found)| found.is_none()));
    }

    #[test]
    fn only_the_newest_periods_are_shown() {
        let known = [hour(1), hour(8), hour(9)];
        let shown = periods(&known, |begin| *begin, TimeDelta::hours(1), 3);
        assert_eq!(
            shown,
            [
                (hour(7), None),
                (hour(8), Some(hour(8))),
                (hour(9), Some(hour(9)))
            ]
        );
        assert!(periods(&[], |begin: &DateTime<Utc>| *begin, TimeDelta::hours(1), 3).is_empty());
    }

    #[test]
    fn spans_use_a_fitting_unit() {
        for (seconds, said) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (7_199, "119 minutes"),
            (7_200, "2 hours"),
            (172_800, "2 days"),
        ] {
            assert_eq!(span_text(seconds * 1000 + 999), said);
        }
    }
}
