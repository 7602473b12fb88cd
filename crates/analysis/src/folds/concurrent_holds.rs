//! The number of tickets that are held at the same time.

use api::analytics::HoldsInHour;
use chrono::{DateTime, Utc};
use event_streams::ORDERS;
use eventstore::StreamName;
use std::collections::BTreeMap;

use super::shared::{LiveOrders, OrderChange, hour};
use crate::{Cell, Column, Fold, RecordedEvent, Table, columns};

/// Live holds over time: orders that hold a ticket and are neither paid nor over.
#[derive(Debug, Default)]
pub struct ConcurrentHolds {
    live: LiveOrders,
    hours: BTreeMap<DateTime<Utc>, HoldsInHour>,
    peak: Option<(u64, DateTime<Utc>)>,
}

/// The figures of [`ConcurrentHolds`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConcurrencyFigures {
    /// The largest number of live holds, and since when.
    pub peak: Option<(u64, DateTime<Utc>)>,
    /// Each hour with a change.
    pub by_hour: Vec<HoldsInHour>,
}

fn quiet_hour(begin: DateTime<Utc>, live: u64) -> HoldsInHour {
    HoldsInHour {
        begin,
        at_begin: live,
        placed: 0,
        paid: 0,
        expired: 0,
        cancelled: 0,
        peak: live,
        at_end: live,
    }
}

const COLUMNS: &[Column] = columns![
    "hour": "when the hour began; hours in which nothing changed are left out, but for the one in which the range begins if there were live holds then",
    "at_begin": "live holds when the hour began, or the range",
    "placed": "holds that began",
    "paid": "holds that ended with a payment",
    "expired": "holds whose time was up",
    "cancelled": "holds that the buyer gave back",
    "peak": "the most at once",
    "at_end": "live holds when the hour ended",
];
const PEAK: &[Column] = columns![
    "peak": "the most live holds at once",
    "at": "when there were so many for the first time; the beginning of the range if they were live then",
];

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
        if self.peak.is_none_or(|(peak, _)| now > peak) {
            self.peak = Some((now, entry.time()));
        }
    }

    fn begin(&mut self, at: DateTime<Utc>) {
        let live = self.live.count();
        if live == 0 {
            return;
        }
        self.peak = Some((live, at));
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

impl ConcurrencyFigures {
    pub(super) fn tables(&self) -> Vec<Table> {
        let rows = self.by_hour.iter().map(|hour| {
            let counts = [
                hour.at_begin,
                hour.placed,
                hour.paid,
                hour.expired,
                hour.cancelled,
                hour.peak,
                hour.at_end,
            ];
            let mut row = vec![Cell::Time(hour.begin)];
            row.extend(counts.map(Cell::Count));
            row
        });
        let peak = self.peak.into_iter();
        let peak = peak.map(|(peak, at)| vec![Cell::Count(peak), Cell::Time(at)]);
        vec![
            Table::new("holds_by_hour", "Live holds over time.", COLUMNS, rows),
            Table::new(
                "most_holds_at_once",
                "When the most tickets were held.",
                PEAK,
                peak,
            ),
        ]
    }
}
