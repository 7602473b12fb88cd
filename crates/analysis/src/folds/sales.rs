//! What sold, by hour and by day.

use chrono::{DateTime, Utc};
use eventstore::{ORDERS, StreamName};
use std::collections::BTreeMap;

use super::shared::{LiveOrders, OrderChange, columns, day, hour, mean_money};
use crate::{Cell, Column, Entry, Fold, Table};

/// Orders that were placed and paid, and what they brought in, by hour and by day (UTC).
///
/// A sale counts when its order is complete: from then on the money may be kept. One whose money was
/// let go all the same counts no more, as soon as that is part of what is read.
#[derive(Debug, Default)]
pub struct Sales {
    live: LiveOrders,
    hours: BTreeMap<DateTime<Utc>, Totals>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    placed: u64,
    sold: u64,
    revenue: u64,
}

const BY_HOUR: &[Column] = columns![
    "hour": "when the hour began",
    "placed": "orders that were placed",
    "sold": "orders that were paid",
    "revenue": "what the paid ones brought in",
    "mean_price": "revenue by paid order, rounded to the cent",
];
const BY_DAY: &[Column] = columns![
    "day": "when the day began",
    "placed": "orders that were placed",
    "sold": "orders that were paid",
    "revenue": "what the paid ones brought in",
    "mean_price": "revenue by paid order, rounded to the cent",
];

impl Fold for Sales {
    fn streams(&self) -> &'static [StreamName] {
        &[ORDERS]
    }

    fn apply(&mut self, entry: &Entry<'_>) {
        let Some((order, change)) = self.live.apply(entry) else {
            return;
        };
        // It is taken out of the books of its day, where it would be looked for.
        if change == OrderChange::Undone
            && let Some((sold, true)) = order.sold
            && let Some(totals) = self.hours.get_mut(&hour(sold))
        {
            totals.sold -= 1;
            totals.revenue -= order.price;
        }
        if !entry.in_range || !matches!(change, OrderChange::Placed | OrderChange::Paid) {
            return;
        }
        let totals = self.hours.entry(hour(entry.time())).or_default();
        if change == OrderChange::Placed {
            totals.placed += 1;
        } else {
            totals.sold += 1;
            totals.revenue += order.price;
        }
    }

    fn tables(&mut self) -> Vec<Table> {
        let mut days: BTreeMap<DateTime<Utc>, Totals> = BTreeMap::new();
        for (hour, totals) in &self.hours {
            let of_day = days.entry(day(*hour)).or_default();
            of_day.placed += totals.placed;
            of_day.sold += totals.sold;
            of_day.revenue += totals.revenue;
        }
        vec![
            Table {
                name: "sales_by_hour",
                doc: "What sold in each hour in which an order was placed or paid.",
                columns: BY_HOUR,
                rows: rows(&self.hours),
            },
            Table {
                name: "sales_by_day",
                doc: "What sold on each day on which an order was placed or paid.",
                columns: BY_DAY,
                rows: rows(&days),
            },
        ]
    }
}

fn rows(periods: &BTreeMap<DateTime<Utc>, Totals>) -> Vec<Vec<Cell>> {
    let row = |(begin, totals): (&DateTime<Utc>, &Totals)| {
        vec![
            Cell::Time(*begin),
            Cell::Count(totals.placed),
            Cell::Count(totals.sold),
            Cell::Money(totals.revenue),
            mean_money(totals.revenue.into(), totals.sold),
        ]
    };
    periods.iter().map(row).collect()
}
