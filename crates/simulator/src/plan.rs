//! The plan of a simulation.

use chrono::{DateTime, TimeDelta, Utc};

/// How long an order holds its ticket.
pub const HOLD: TimeDelta = TimeDelta::minutes(15);

/// The size of a season, and its seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Number of potential sellers, who sign up with their first listing.
    pub sellers: u32,
    /// Number of potential buyers.
    pub buyers: u32,
    /// Number of tickets.
    pub tickets: u32,
    /// Length in days. The last orders may end some minutes later.
    pub days: u32,
    /// The seed of all random numbers.
    pub seed: u64,
    /// The start. Not derived from a clock: the same plan is the same season tomorrow.
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
    /// A number that identifies the whole plan: two seasons in one log must have neither users nor
    /// tickets in common.
    pub(crate) fn key(&self) -> u64 {
        let parts = [
            self.seed,
            u64::from(self.sellers),
            u64::from(self.buyers),
            u64::from(self.tickets),
            u64::from(self.days),
            self.start.timestamp().cast_unsigned(),
        ];
        // FNV-1a, by words, with the last step of SplitMix64 to spread similar inputs.
        let mixed = parts.into_iter().fold(0xcbf2_9ce4_8422_2325, |key, part| {
            let spread: u64 = (key ^ part).wrapping_mul(0x0100_0000_01b3);
            spread ^ (spread >> 29)
        });
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 31)
    }

    /// The latest end of an order.
    pub fn end(&self) -> DateTime<Utc> {
        self.start + TimeDelta::days(i64::from(self.days)) + HOLD * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_plans_have_different_keys() {
        let plan = Plan::default();
        let others = [
            Plan { seed: 2, ..plan },
            Plan { days: 91, ..plan },
            Plan {
                sellers: 8_000,
                buyers: 400,
                ..plan
            },
            Plan {
                start: plan.start + TimeDelta::days(1),
                ..plan
            },
        ];
        let mut keys: Vec<_> = others.iter().map(Plan::key).collect();
        keys.push(plan.key());
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 5);
    }

    #[test]
    fn the_default_season_begins_with_the_year_2025() {
        let start = Plan::default().start.to_rfc3339();
        assert_eq!(start, "2025-01-01T00:00:00+00:00");
    }
}
