//! What tickets cost: those that were listed, and those that sold.

use domain::{AnyEvent, ticket::TicketEvent};
use eventstore::{ORDERS, StreamName, TICKETS};

use super::shared::{LiveOrders, OrderChange, Values, columns, figure_columns};
use crate::{Cell, Column, Entry, Fold, Table};

/// How prices are distributed, at the listing and at the sale.
///
/// A ticket counts as listed at the price it was first offered at, and as sold at the price of the
/// order that was paid.
#[derive(Debug, Default)]
pub struct Prices {
    live: LiveOrders,
    listed: Values,
    sold: Values,
    bands: [Band; BANDS.len()],
}

#[derive(Clone, Copy, Debug, Default)]
struct Band {
    listed: u64,
    sold: u64,
    revenue: u64,
}

/// Where bands of prices begin, in cents. Each is about double the one before, as prices are.
const BANDS: [u64; 12] = [
    0, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000,
];

const FIGURES: &[Column] = figure_columns!(
    "at" "listed: tickets at their first price; sold: paid orders";
    "lowest", "p10", "p25", "median", "p75", "p90", "highest", "mean"
);
const BY_BAND: &[Column] = columns![
    "from": "prices from here on (included)",
    "below": "prices below this; none for the highest band",
    "listed": "tickets that were first offered in this band",
    "sold": "orders that were paid in this band",
    "share_of_sold": "their share of all paid orders",
    "revenue": "what they brought in",
];

impl Prices {
    fn band(&mut self, cents: u64) -> &mut Band {
        let i = BANDS.partition_point(|begin| *begin <= cents);
        &mut self.bands[i - 1]
    }
}

impl Fold for Prices {
    fn streams(&self) -> &'static [StreamName] {
        &[TICKETS, ORDERS]
    }

    fn apply(&mut self, entry: &Entry<'_>) {
        let change = self.live.apply(entry);
        if let Some((order, OrderChange::Undone)) = change
            && matches!(order.sold, Some((_, true)))
        {
            self.sold.take_away(order.price);
            let band = self.band(order.price);
            band.sold -= 1;
            band.revenue -= order.price;
        }
        if !entry.in_range {
            return;
        }
        if let AnyEvent::Ticket(TicketEvent::TicketListed { price, .. }) = entry.event {
            self.listed.add(price.cents());
            self.band(price.cents()).listed += 1;
        } else if let Some((order, OrderChange::Paid)) = change {
            self.sold.add(order.price);
            let band = self.band(order.price);
            band.sold += 1;
            band.revenue += order.price;
        }
    }

    fn tables(&mut self) -> Vec<Table> {
        let all = self.sold.count();
        let bands = self.bands.iter().zip(BANDS).enumerate();
        let bands = bands.map(|(i, (band, begin))| {
            vec![
                Cell::Money(begin),
                BANDS.get(i + 1).copied().map_or(Cell::Nothing, Cell::Money),
                Cell::Count(band.listed),
                Cell::Count(band.sold),
                Cell::Share {
                    part: band.sold,
                    of: all,
                },
                Cell::Money(band.revenue),
            ]
        });
        let bands = bands.collect();
        let figures = |at: &str, values: &mut Values| {
            let mut row = vec![Cell::Text(at.to_owned())];
            row.extend(values.figures(Cell::Money));
            row
        };
        vec![
            Table {
                name: "prices",
                doc: "How prices are distributed.",
                columns: FIGURES,
                rows: vec![
                    figures("listed", &mut self.listed),
                    figures("sold", &mut self.sold),
                ],
            },
            Table {
                name: "price_bands",
                doc: "How many were listed and sold in each band of prices.",
                columns: BY_BAND,
                rows: bands,
            },
        ]
    }
}
