//! Sales by hour and by day.

use chrono::{DateTime, Utc};
use event_streams::ORDERS;
use eventstore::StreamName;
use std::collections::BTreeMap;

use super::shared::{LiveOrders, OrderChange, day, hour, mean_money};
use crate::{Cell, Column, Fold, RecordedEvent, Table, columns};

/// Orders that were placed and paid, and their revenue, by hour and by day (UTC).
///
/// A sale counts when its order is complete: from then on the money may be kept. If the money is
/// lost nevertheless, the sale is removed as soon as that event is part of the range.
#[derive(Debug, Default)]
pub struct Sales {
    live: LiveOrders,
    hours: BTreeMap<DateTime<Utc>, SalesPeriod>,
}

/// The figures of [`Sales`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SalesFigures {
    /// Each hour in which an order was placed or paid.
    pub by_hour: Vec<SalesPeriod>,
    /// Each day on which an order was placed or paid.
    pub by_day: Vec<SalesPeriod>,
}

/// Sales in an hour, or on a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SalesPeriod {
    /// When it began.
    pub begin: DateTime<Utc>,
    /// Orders that were placed.
    pub placed: u64,
    /// Orders that were paid.
    pub sold: u64,
    /// Revenue of the paid ones, in cents.
    pub revenue: u64,
}

impl SalesPeriod {
    fn at(begin: DateTime<Utc>) -> Self {
        Self {
            begin,
            ..Self::default()
        }
    }
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

    fn apply(&mut self, entry: &RecordedEvent<'_>) {
        let Some((order, change)) = self.live.apply(entry) else {
            return;
        };
        // It is removed from its own day, which is where users look for it.
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
        let hour = hour(entry.time());
        let totals = self.hours.entry(hour).or_insert(SalesPeriod::at(hour));
        if change == OrderChange::Placed {
            totals.placed += 1;
        } else {
            totals.sold += 1;
            totals.revenue += order.price;
        }
    }

    fn tables(&mut self) -> Vec<Table> {
        self.figures().tables()
    }
}

impl Sales {
    /// Returns the figures of the events so far.
    pub fn figures(&mut self) -> SalesFigures {
        let mut days: BTreeMap<DateTime<Utc>, SalesPeriod> = BTreeMap::new();
        for hour in self.hours.values() {
            let day = day(hour.begin);
            let totals = days.entry(day).or_insert(SalesPeriod::at(day));
            totals.placed += hour.placed;
            totals.sold += hour.sold;
            totals.revenue += hour.revenue;
        }
        SalesFigures {
            by_hour: self.hours.values().copied().collect(),
            by_day: days.into_values().collect(),
        }
    }
}

impl SalesFigures {
    pub(super) fn tables(&self) -> Vec<Table> {
        let row = |period: &SalesPeriod| {
            vec![
                Cell::Time(period.begin),
                Cell::Count(period.placed),
                Cell::Count(period.sold),
                Cell::Money(period.revenue),
                mean_money(period.revenue, period.sold),
            ]
        };
        vec![
            Table::new(
                "sales_by_hour",
                "What sold in each hour in which an order was placed or paid.",
                BY_HOUR,
                self.by_hour.iter().map(row),
            ),
            Table::new(
                "sales_by_day",
                "What sold on each day on which an order was placed or paid.",
                BY_DAY,
                self.by_day.iter().map(row),
            ),
        ]
    }
}
