//! Sales by hour and by day.

use api::analytics::SalesPeriod;
use chrono::{DateTime, Utc};
use event_streams::ORDERS;
use eventstore::StreamName;
use std::collections::BTreeMap;

use super::{
    Figures,
    shared::{LiveOrders, OrderChange, day, hour, mean_money},
};
use crate::{Cell, Fold, RecordedEvent, Table, table::table};

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

fn beginning_at(begin: DateTime<Utc>) -> SalesPeriod {
    SalesPeriod {
        begin,
        ..SalesPeriod::default()
    }
}

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
            totals.revenue.cents -= order.price.cents;
        }
        if !entry.in_range || !matches!(change, OrderChange::Placed | OrderChange::Paid) {
            return;
        }
        let hour = hour(entry.time());
        let totals = self.hours.entry(hour).or_insert(beginning_at(hour));
        if change == OrderChange::Placed {
            totals.placed += 1;
        } else {
            totals.sold += 1;
            totals.revenue.cents += order.price.cents;
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
            let totals = days.entry(day).or_insert(beginning_at(day));
            totals.placed += hour.placed;
            totals.sold += hour.sold;
            totals.revenue.cents += hour.revenue.cents;
        }
        SalesFigures {
            by_hour: self.hours.values().copied().collect(),
            by_day: days.into_values().collect(),
        }
    }
}

impl Figures for SalesFigures {
    fn tables(&self) -> Vec<Table> {
        vec![
            table!("sales_by_hour", "What sold in each hour in which an order was placed or paid.", &self.by_hour, |period| {
                "hour": "when the hour began" => Cell::Time(period.begin),
                "placed": "orders that were placed" => Cell::Count(period.placed),
                "sold": "orders that were paid" => Cell::Count(period.sold),
                "revenue": "what the paid ones brought in" => Cell::money(period.revenue),
                "mean_price": "revenue by paid order, rounded to the cent" => mean_money(period.revenue, period.sold),
            }),
            table!("sales_by_day", "What sold on each day on which an order was placed or paid.", &self.by_day, |period| {
                "day": "when the day began" => Cell::Time(period.begin),
                "placed": "orders that were placed" => Cell::Count(period.placed),
                "sold": "orders that were paid" => Cell::Count(period.sold),
                "revenue": "what the paid ones brought in" => Cell::money(period.revenue),
                "mean_price": "revenue by paid order, rounded to the cent" => mean_money(period.revenue, period.sold),
            }),
        ]
    }
}
