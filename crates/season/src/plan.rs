//! What kind of season it is to be.

use chrono::{DateTime, TimeDelta, Utc};

/// How long an order holds its ticket.
pub const HOLD: TimeDelta = TimeDelta::minutes(15);

/// The size of a season, and its seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Who may sell; those who get to it sign up.
    pub sellers: u32,
    /// Who may buy.
    pub buyers: u32,
    /// Tickets that are listed.
    pub tickets: u32,
    /// How many days it lasts. The last orders may end some minutes later.
    pub days: u32,
    /// Where all chance comes from.
    pub seed: u64,
    /// Its first moment. Not derived from a clock: the same plan is the same season tomorrow.
    pub start: DateTime<Utc>,
}

impl Default for Plan {
    /// A quarter of a year, from 1 January 2025 on, with some 110,000 events.
    fn default() -> Self {
        Self {
            sellers: 400,
            buyers: 8_000,
            tickets: 10_000,
            days: 90,
            seed: 1,
            start: DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_089),
        }
    }
}

impl Plan {
    /// When the last order is over, at the latest.
    pub fn end(&self) -> DateTime<Utc> {
        self.start + TimeDelta::days(i64::from(self.days)) + HOLD * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_season_begins_with_the_year_2025() {
        let start = Plan::default().start.to_rfc3339();
        assert_eq!(start, "2025-01-01T00:00:00+00:00");
    }
}
