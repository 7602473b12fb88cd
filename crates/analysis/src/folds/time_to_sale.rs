//! The time until a ticket is sold.

use api::analytics::{DurationBand, TimeToSale as SaleTimes};
use chrono::{DateTime, Utc};
use domain::{AnyEvent, TicketId, ticket::TicketEvent};
use event_streams::{ORDERS, TICKETS};
use eventstore::StreamName;
use std::collections::HashMap;

use super::{
    Figures,
    shared::{LiveOrders, OrderChange, Values, figure_columns, millis, with_distribution},
};
use crate::{Cell, Column, Fold, RecordedEvent, Table, table::table};

/// The time until sale of tickets that sold in the range, whenever they were listed.
#[derive(Debug, Default)]
pub struct TimeToSale {
    live: LiveOrders,
    /// Unsold tickets, and when they were listed.
    listed: HashMap<TicketId, DateTime<Utc>>,
    to_sale: Values,
    to_payment: Values,
    bands: [u64; BANDS.len()],
}

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// Lower bounds of the time bands, in milliseconds.
const BANDS: [u64; 10] = [
    0,
    MINUTE,
    10 * MINUTE,
    HOUR,
    6 * HOUR,
    DAY,
    3 * DAY,
    7 * DAY,
    14 * DAY,
    30 * DAY,
];

const FIGURES: &[Column] = figure_columns!(
    "what" "listed_to_sold: from the listing to the paid order; placed_to_paid: from placing that order to its payment";
    "lowest_ms", "p10_ms", "p25_ms", "median_ms", "p75_ms", "p90_ms", "highest_ms", "mean_ms"
);
impl Fold for TimeToSale {
    fn streams(&self) -> &'static [StreamName] {
        &[TICKETS, ORDERS]
    }

    fn apply(&mut self, entry: &RecordedEvent<'_>) {
        if let AnyEvent::Ticket(TicketEvent::TicketListed { ticket_id, .. }) = entry.event {
            self.listed.insert(*ticket_id, entry.time());
            return;
        }
        let Some((order, OrderChange::Paid)) = self.live.apply(entry) else {
            return;
        };
        // Sold: it needn't be remembered any longer.
        let listed = self.listed.remove(&order.ticket);
        if !entry.in_range {
            return;
        }
        self.to_payment.add(millis(order.placed, entry.time()));
        if let Some(listed) = listed {
            let took = millis(listed, entry.time());
            self.to_sale.add(took);
            self.bands[BANDS.partition_point(|begin| *begin <= took) - 1] += 1;
        }
    }

    fn tables(&mut self) -> Vec<Table> {
        self.figures().tables()
    }
}

impl TimeToSale {
    /// Returns the figures of the events so far.
    pub fn figures(&mut self) -> SaleTimes {
        let bands = BANDS.iter().zip(self.bands).enumerate();
        let bands = bands.map(|(i, (from, sold))| DurationBand {
            from_ms: *from,
            below_ms: BANDS.get(i + 1).copied(),
            sold,
        });
        SaleTimes {
            listed_to_sold_ms: self.to_sale.distribution(|millis| millis),
            placed_to_paid_ms: self.to_payment.distribution(|millis| millis),
            bands: bands.collect(),
        }
    }
}

impl Figures for SaleTimes {
    fn tables(&self) -> Vec<Table> {
        let all = self.listed_to_sold_ms.map_or(0, |found| found.count);
        let distributions = [
            ("listed_to_sold", self.listed_to_sold_ms),
            ("placed_to_paid", self.placed_to_paid_ms),
        ];
        let rows = distributions.map(|(what, distribution)| {
            with_distribution([Cell::Text(what.to_owned())], distribution, Cell::Millis)
        });
        vec![
            Table::new(
                "time_to_sale",
                "How long the tickets took that sold in the range.",
                FIGURES,
                rows,
            ),
            table!("time_to_sale_bands", "How many took how long, from the listing to the sale.", &self.bands, |band| {
                "from_ms": "times from here on (included), from the listing to the sale" => Cell::Millis(band.from_ms),
                "below_ms": "times below this; none for the longest" => band.below_ms.map_or(Cell::Nothing, Cell::Millis),
                "sold": "tickets that took so long" => Cell::Count(band.sold),
                "share": "their share of all that sold" => Cell::share(band.sold, all),
            }),
        ]
    }
}
