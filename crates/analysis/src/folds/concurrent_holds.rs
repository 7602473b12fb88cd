//! How many tickets are held at once.

use chrono::{DateTime, Utc};
use eventstore::{ORDERS, StreamName};
use std::collections::BTreeMap;

use super::shared::{LiveOrders, OrderChange, columns, hour};
use crate::{Cell, Column, Entry, Fold, Table};

/// Live holds over time: orders that hold a ticket and are neither paid nor over.
#[derive(Debug, Default)]
pub struct ConcurrentHolds {
    live: LiveOrders,
    hours: BTreeMap<DateTime<Utc>, Hour>,
    peak: Option<(u64, DateTime<Utc>)>,
}

#[derive(Clone, Copy, Debug)]
struct Hour {
    at_begin: u64,
    placed: u64,
    paid: u64,
    expired: u64,
    cancelled: u64,
    peak: u64,
    at_end: u64,
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

    fn apply(&mut self, entry: &Entry<'_>) {
        let before = self.live.count();
        let Some((_, change)) = self.live.apply(entry) else {
            return;
        };
        if !entry.in_range || matches!(change, OrderChange::Paying | OrderChange::Undone) {
            return;
        }
        let now = self.live.count();
        let hour = self.hours.entry(hour(entry.time())).or_insert(Hour {
            at_begin: before,
            placed: 0,
            paid: 0,
            expired: 0,
            cancelled: 0,
            peak: before,
            at_end: before,
        });
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
        self.hours.insert(
            hour(at),
            Hour {
                at_begin: live,
                placed: 0,
                paid: 0,
                expired: 0,
                cancelled: 0,
                peak: live,
                at_end: live,
            },
        );
    }

    fn tables(&mut self) -> Vec<Table> {
        let rows = self.hours.iter().map(|(begin, hour)| {
            let counts = [
                hour.at_begin,
                hour.placed,
                hour.paid,
                hour.expired,
                hour.cancelled,
                hour.peak,
                hour.at_end,
            ];
            let mut row = vec![Cell::Time(*begin)];
            row.extend(counts.map(Cell::Count));
            row
        });
        let peak = self.peak.into_iter();
        vec![
            Table {
                name: "holds_by_hour",
                doc: "Live holds over time.",
                columns: COLUMNS,
                rows: rows.collect(),
            },
            Table {
                name: "most_holds_at_once",
                doc: "When the most tickets were held.",
                columns: PEAK,
                rows: peak
                    .map(|(peak, at)| vec![Cell::Count(peak), Cell::Time(at)])
                    .collect(),
            },
        ]
    }
}
