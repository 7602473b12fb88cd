//! The number of tickets that are held at the same time.

use api::analytics::{HoldsInHour, MostHolds};
use chrono::{DateTime, Utc};
use event_streams::ORDERS;
use eventstore::StreamName;
use std::collections::BTreeMap;

use super::{
    Figures,
    shared::{LiveOrders, OrderChange, hour},
};
use crate::{Cell, Fold, RecordedEvent, Table, table::table};

/// Live holds over time: orders that hold a ticket and are neither paid nor over.
#[derive(Debug, Default)]
pub struct ConcurrentHolds {
    live: LiveOrders,
    hours: BTreeMap<DateTime<Utc>, HoldsInHour>,
    peak: Option<MostHolds>,
}

/// The figures of [`ConcurrentHolds`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConcurrencyFigures {
    /// The largest number of live holds, and since when.
    pub peak: Option<MostHolds>,
    /// Each hour with a change.
    pub by_hour: Vec<HoldsInHour>,
}

fn quiet_hour(begin: DateTime<Utc>, live: u64) -> HoldsInHour {
    HoldsInHour {
        begin,
        at_begin: live,
        peak: live,
        at_end: live,
        ..HoldsInHour::default()
    }
}

impl Fold for ConcurrentHolds {
    fn streams(&self) -> &'static [StreamName] {
        &[ORDERS]
    }

    fn apply(&mut self, entry: &RecordedEvent<'_>) {
        let before = self.live.count();
        let Some((_, change)) = self.live.apply(entry) else {
            return;
        };
        if !entry.in_range || matches!(change, OrderChange::Paying | OrderChange::Undone) {
            return;
        }
        let now = self.live.count();
        let begin = hour(entry.time());
        let hour = self.hours.entry(begin);
        let hour = hour.or_insert(quiet_hour(begin, before));
        match change {
            OrderChange::Placed => hour.placed += 1,
            OrderChange::Paid => hour.paid += 1,
            OrderChange::Expired => hour.expired += 1,
            OrderChange::Cancelled => hour.cancelled += 1,
            OrderChange::Paying | OrderChange::Undone => {}
        }
        hour.peak = hour.peak.max(now);
        hour.at_end = now;
        if self.peak.is_none_or(|peak| now > peak.holds) {
            self.peak = Some(MostHolds {
                holds: now,
                at: entry.time(),
            });
        }
    }

    fn begin(&mut self, at: DateTime<Utc>) {
        let live = self.live.count();
        if live == 0 {
            return;
        }
        self.peak = Some(MostHolds { holds: live, at });
        let begin = hour(at);
        self.hours.insert(begin, quiet_hour(begin, live));
    }

    fn tables(&mut self) -> Vec<Table> {
        self.figures().tables()
    }
}

impl ConcurrentHolds {
    /// Returns the figures of the events so far.
    pub fn figures(&mut self) -> ConcurrencyFigures {
        ConcurrencyFigures {
            peak: self.peak,
            by_hour: self.hours.values().copied().collect(),
        }
    }
}

impl Figures for ConcurrencyFigures {
    fn tables(&self) -> Vec<Table> {
        vec![
            table!("holds_by_hour", "Live holds over time.", &self.by_hour, |hour| {
                "hour": "when the hour began; hours in which nothing changed are left out, but for the one in which the range begins if there were live holds then" => Cell::Time(hour.begin),
                "at_begin": "live holds when the hour began, or the range" => Cell::Count(hour.at_begin),
                "placed": "holds that began" => Cell::Count(hour.placed),
                "paid": "holds that ended with a payment" => Cell::Count(hour.paid),
                "expired": "holds whose time was up" => Cell::Count(hour.expired),
                "cancelled": "holds that the buyer gave back" => Cell::Count(hour.cancelled),
                "peak": "the most at once" => Cell::Count(hour.peak),
                "at_end": "live holds when the hour ended" => Cell::Count(hour.at_end),
            }),
            table!("most_holds_at_once", "When the most tickets were held.", self.peak, |peak| {
                "peak": "the most live holds at once" => Cell::Count(peak.holds),
                "at": "when there were so many for the first time; the beginning of the range if they were live then" => Cell::Time(peak.at),
            }),
        ]
    }
}
