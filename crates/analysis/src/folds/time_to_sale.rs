//! The time until a ticket is sold.

use chrono::{DateTime, Utc};
use domain::{AnyEvent, TicketId, ticket::TicketEvent};
use event_streams::{ORDERS, TICKETS};
use eventstore::StreamName;
use std::collections::HashMap;

use super::shared::{
    Distribution, LiveOrders, OrderChange, Values, figure_columns, millis, with_distribution,
};
use crate::{Cell, Column, Fold, RecordedEvent, Table, columns};

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

/// The figures of [`TimeToSale`], in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaleTimeFigures {
    /// From the listing to the paid order.
    pub listed_to_sold: Option<Distribution>,
    /// From placing that order to its payment.
    pub placed_to_paid: Option<Distribution>,
    /// From the listing to the sale, by bands.
    pub bands: Vec<TimeBand>,
}

/// Times in a band.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeBand {
    /// Times from here on.
    pub from: u64,
    /// Times below this; none for the longest.
    pub below: Option<u64>,
    /// Tickets whose time is in this band.
    pub sold: u64,
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
const BY_BAND: &[Column] = columns![
    "from_ms": "times from here on (included), from the listing to the sale",
    "below_ms": "times below this; none for the longest",
    "sold": "tickets that took so long",
    "share": "their share of all that sold",
];

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
    pub fn figures(&mut self) -> SaleTimeFigures {
        let bands = BANDS.iter().zip(self.bands).enumerate();
        let bands = bands.map(|(i, (from, sold))| TimeBand {
            from: *from,
            below: BANDS.get(i + 1).copied(),
            sold,
        });
        SaleTimeFigures {
            listed_to_sold: self.to_sale.distribution(),
            placed_to_paid: self.to_payment.distribution(),
            bands: bands.collect(),
        }
    }
}

impl SaleTimeFigures {
    pub(super) fn tables(&self) -> Vec<Table> {
        let all = self.listed_to_sold.map_or(0, |found| found.count);
        let bands = self.bands.iter().map(|band| {
            vec![
                Cell::Millis(band.from),
                band.below.map_or(Cell::Nothing, Cell::Millis),
                Cell::Count(band.sold),
                Cell::share(band.sold, all),
            ]
        });
        let distributions = [
            ("listed_to_sold", self.listed_to_sold),
            ("placed_to_paid", self.placed_to_paid),
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
            Table::new(
                "time_to_sale_bands",
                "How many took how long, from the listing to the sale.",
                BY_BAND,
                bands,
            ),
        ]
    }
}
