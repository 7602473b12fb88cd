//! What sold, by hour and by day.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use domain::{OrderId, ticket_orders::TicketOrdersEvent};
use eventstore::{ORDERS, StreamName};
use std::collections::{BTreeMap, HashMap};

use crate::{Cell, Column, Entry, Fold, Happened, Table, table::rounded};

/// Orders that were placed and paid, and what they brought in, by hour and by day (UTC).
///
/// A sale counts when its order is complete: from then on the money may be kept.
#[derive(Debug, Default)]
pub struct Sales {
    /// What live orders will bring in, in cents.
    live: HashMap<OrderId, u64>,
    hours: BTreeMap<DateTime<Utc>, Takings>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Takings {
    placed: u64,
    sold: u64,
    revenue: u64,
}

impl Takings {
    fn add(&mut self, other: Self) {
        self.placed += other.placed;
        self.sold += other.sold;
        self.revenue += other.revenue;
    }
}

macro_rules! columns {
    ($unit:literal, $doc:literal) => {
        &[
            Column {
                name: $unit,
                doc: $doc,
            },
            Column {
                name: "placed",
                doc: "orders that were placed",
            },
            Column {
                name: "sold",
                doc: "orders that were paid",
            },
            Column {
                name: "revenue",
                doc: "what the paid ones brought in",
            },
            Column {
                name: "mean_price",
                doc: "revenue by paid order, rounded to the cent",
            },
        ]
    };
}

const BY_HOUR: &[Column] = columns!("hour", "when the hour began (UTC)");
const BY_DAY: &[Column] = columns!("day", "when the day began (UTC)");

impl Fold for Sales {
    fn streams(&self) -> &'static [StreamName] {
        &[ORDERS]
    }

    fn apply(&mut self, entry: &Entry<'_>) {
        let Happened::Orders(event) = entry.event else {
            return;
        };
        let mut news = Takings::default();
        match event {
            TicketOrdersEvent::OrderPlaced {
                order_id, ticket, ..
            } => {
                self.live.insert(*order_id, ticket.price.cents());
                news.placed = 1;
            }
            TicketOrdersEvent::OrderCompleted { order_id, .. } => {
                news.sold = 1;
                news.revenue = self.live.remove(order_id).unwrap_or(0);
            }
            TicketOrdersEvent::OrderCancelled { order_id, .. } => {
                self.live.remove(order_id);
                return;
            }
            TicketOrdersEvent::OrderAwaitingPayment { .. }
            | TicketOrdersEvent::PaymentRefused { .. } => return,
        }
        if entry.counted {
            let hour = floor(entry.time(), TimeDelta::hours(1));
            self.hours.entry(hour).or_default().add(news);
        }
    }

    fn finish(self: Box<Self>) -> Vec<Table> {
        let mut days: BTreeMap<DateTime<Utc>, Takings> = BTreeMap::new();
        for (hour, sold) in &self.hours {
            let day = floor(*hour, TimeDelta::days(1));
            days.entry(day).or_default().add(*sold);
        }
        vec![
            Table {
                name: "sales_by_hour",
                doc: "What sold in each hour in which an order was placed or paid.",
                columns: BY_HOUR,
                rows: rows(self.hours),
            },
            Table {
                name: "sales_by_day",
                doc: "What sold on each day on which an order was placed or paid.",
                columns: BY_DAY,
                rows: rows(days),
            },
        ]
    }
}

/// The beginning of the period that a moment is in.
fn floor(time: DateTime<Utc>, period: TimeDelta) -> DateTime<Utc> {
    // Fails beyond the year 2262, where the moment stands for itself.
    time.duration_trunc(period).unwrap_or(time)
}

fn rows(periods: BTreeMap<DateTime<Utc>, Takings>) -> Vec<Vec<Cell>> {
    let row = |(begin, sold): (DateTime<Utc>, Takings)| {
        let mean = match sold.sold {
            0 => Cell::Nothing,
            count => Cell::Money(
                u64::try_from(rounded(sold.revenue.into(), count.into())).unwrap_or(u64::MAX),
            ),
        };
        vec![
            Cell::Time(begin),
            Cell::Count(sold.placed),
            Cell::Count(sold.sold),
            Cell::Money(sold.revenue),
            mean,
        ]
    };
    periods.into_iter().map(row).collect()
}
