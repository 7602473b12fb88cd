//! The distribution of arrivals: hours of the day and days of the week.

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc, Weekday};

use crate::Plan;

/// Activity in each hour of a day (UTC): a quiet night, a bump at noon, the evening after work.
const HOURS: [u64; 24] = [
    6, 3, 2, 1, 1, 2, 6, 14, 24, 30, 34, 38, 46, 40, 34, 34, 38, 48, 62, 78, 84, 70, 42, 18,
];

fn of_weekday(day: Weekday) -> u64 {
    match day {
        Weekday::Mon => 8,
        Weekday::Tue | Weekday::Wed => 9,
        Weekday::Thu => 11,
        Weekday::Fri => 15,
        Weekday::Sat => 16,
        Weekday::Sun => 12,
    }
}

/// The distribution of a number over the hours of a season.
#[derive(Debug)]
pub(crate) struct Calendar {
    start: DateTime<Utc>,
    /// Cumulative weight up to and including each hour, of listings and of visits.
    listing: Vec<u64>,
    looking: Vec<u64>,
}

impl Calendar {
    pub fn new(plan: &Plan) -> Self {
        let hours = u64::from(plan.days) * 24;
        let (mut listing, mut looking) = (Vec::new(), Vec::new());
        let (mut listed, mut looked) = (0, 0);
        for hour in 0..hours {
            let at = plan.start + TimeDelta::hours(i64::try_from(hour).unwrap_or(0));
            let busy = HOURS[at.hour() as usize] * of_weekday(at.weekday());
            // Offers come early in a season: on the last day, a third of the first day's number.
            listed += busy * (3 * hours - 2 * hour);
            // Demand grows until the middle and stays there; at first nothing is listed.
            looked += busy * (hours + 4 * hour.min(hours / 2));
            listing.push(listed);
            looking.push(looked);
        }
        Self {
            start: plan.start,
            listing,
            looking,
        }
    }

    /// The beginning of an hour; `None` after the last.
    pub fn hour(&self, hour: usize) -> Option<DateTime<Utc>> {
        let begin = TimeDelta::hours(i64::try_from(hour).ok()?);
        (hour < self.listing.len()).then(|| self.start + begin)
    }

    /// Number of listings in an hour, of all tickets.
    pub fn listings(&self, hour: usize, all: u64) -> u64 {
        part(&self.listing, hour, all)
    }

    /// Number of visits in an hour, of all visits.
    pub fn visits(&self, hour: usize, all: u64) -> u64 {
        part(&self.looking, hour, all)
    }
}

/// Parts that add up exactly to the whole.
fn part(weights: &[u64], hour: usize, all: u64) -> u64 {
    let (Some(total), Some(upto)) = (weights.last(), weights.get(hour)) else {
        return 0;
    };
    let share = |weight: u64| {
        let whole = u128::from(all) * u128::from(weight);
        u64::try_from(whole.checked_div(u128::from(*total)).unwrap_or(0)).unwrap_or(0)
    };
    let before = hour.checked_sub(1).map_or(0, |hour| weights[hour]);
    share(*upto) - share(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_spread_without_duplicates() {
        let plan = Plan {
            days: 9,
            ..Plan::default()
        };
        let calendar = Calendar::new(&plan);
        let hours = 0..9 * 24;
        assert_eq!(
            hours
                .clone()
                .map(|h| calendar.listings(h, 1_234))
                .sum::<u64>(),
            1_234
        );
        assert_eq!(hours.map(|h| calendar.visits(h, 777)).sum::<u64>(), 777);
        assert!(calendar.hour(9 * 24).is_none());
    }

    #[test]
    fn evenings_are_busier_than_nights() {
        let calendar = Calendar::new(&Plan::default());
        let visits = |hour: usize| calendar.visits(24 * 40 + hour, 1_000_000);
        assert!(visits(20) > 20 * visits(3));
    }
}
