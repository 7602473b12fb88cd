//! How long it takes until a ticket is sold.

use chrono::{DateTime, Utc};
use domain::{AnyEvent, TicketId, ticket::TicketEvent};
use eventstore::{ORDERS, StreamName, TICKETS};
use std::collections::HashMap;

use super::shared::{LiveOrders, OrderChange, Values, columns, figure_columns, millis};
use crate::{Cell, Column, Entry, Fold, Table};

/// How long the tickets took that sold in the range, whenever they were listed.
#[derive(Debug, Default)]
pub struct TimeToSale {
    live: LiveOrders,
    /// Tickets that aren't sold: when they were listed.
    listed: HashMap<TicketId, DateTime<Utc>>,
    to_sale: Values,
    to_payment: Values,
    bands: [u64; BANDS.len()],
}

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// Where bands of times begin, in milliseconds.
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

    fn apply(&mut self, entry: &Entry<'_>) {
        if let AnyEvent::Ticket(TicketEvent::TicketListed { ticket_id, .. }) = entry.event {
            self.listed.insert(*ticket_id, entry.time());
            return;
        }
        let Some((order, OrderChange::Paid)) = self.live.apply(entry) else {
            return;
        };
        // Sold for good: it needn't be remembered any longer.
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
        let all = self.to_sale.count();
        let bands = BANDS.iter().zip(self.bands).enumerate();
        let bands = bands.map(|(i, (begin, sold))| {
            vec![
                Cell::Millis(*begin),
                BANDS
                    .get(i + 1)
                    .copied()
                    .map_or(Cell::Nothing, Cell::Millis),
                Cell::Count(sold),
                Cell::Share {
                    part: sold,
                    of: all,
                },
            ]
        });
        let bands = bands.collect();
        let figures = |what: &str, values: &mut Values| {
            let mut row = vec![Cell::Text(what.to_owned())];
            row.extend(values.figures(Cell::Millis));
            row
        };
        vec![
            Table {
                name: "time_to_sale",
                doc: "How long the tickets took that sold in the range.",
                columns: FIGURES,
                rows: vec![
                    figures("listed_to_sold", &mut self.to_sale),
                    figures("placed_to_paid", &mut self.to_payment),
                ],
            },
            Table {
                name: "time_to_sale_bands",
                doc: "How many took how long, from the listing to the sale.",
                columns: BY_BAND,
                rows: bands,
            },
        ]
    }
}
