//! Prices of tickets that were listed, and of those that sold.

use domain::{AnyEvent, ticket::TicketEvent};
use event_streams::{ORDERS, TICKETS};
use eventstore::StreamName;

use super::shared::{
    Distribution, LiveOrders, OrderChange, Values, figure_columns, with_distribution,
};
use crate::{Cell, Column, Fold, RecordedEvent, Table, columns};

/// The distribution of prices, at the listing and at the sale.
///
/// A ticket counts as listed at its first price, and as sold at the price of the order that was
/// paid.
#[derive(Debug, Default)]
pub struct Prices {
    live: LiveOrders,
    listed: Values,
    sold: Values,
    bands: [PriceBand; BANDS.len()],
}

/// The figures of [`Prices`], in cents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceFigures {
    /// Tickets, at their first price.
    pub listed: Option<Distribution>,
    /// Paid orders.
    pub sold: Option<Distribution>,
    /// The same by bands of prices.
    pub bands: Vec<PriceBand>,
}

/// Prices in a band.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PriceBand {
    /// Prices from here on.
    pub from: u64,
    /// Prices below this; none for the highest band.
    pub below: Option<u64>,
    /// Tickets that were first offered in this band.
    pub listed: u64,
    /// Orders that were paid in this band.
    pub sold: u64,
    /// Their revenue.
    pub revenue: u64,
}

/// Lower bounds of the price bands, in cents. Each is about double the previous one, since prices
/// are distributed that way.
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
    fn band(&mut self, cents: u64) -> &mut PriceBand {
        let i = BANDS.partition_point(|begin| *begin <= cents);
        &mut self.bands[i - 1]
    }

    /// Returns the figures of the events so far.
    pub fn figures(&mut self) -> PriceFigures {
        let bands = self.bands.iter().zip(BANDS).enumerate();
        let bands = bands.map(|(i, (band, from))| PriceBand {
            from,
            below: BANDS.get(i + 1).copied(),
            ..*band
        });
        PriceFigures {
            listed: self.listed.distribution(),
            sold: self.sold.distribution(),
            bands: bands.collect(),
        }
    }
}

impl Fold for Prices {
    fn streams(&self) -> &'static [StreamName] {
        &[TICKETS, ORDERS]
    }

    fn apply(&mut self, entry: &RecordedEvent<'_>) {
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
        self.figures().tables()
    }
}

impl PriceFigures {
    pub(super) fn tables(&self) -> Vec<Table> {
        let all = self.sold.map_or(0, |sold| sold.count);
        let bands = self.bands.iter().map(|band| {
            vec![
                Cell::Money(band.from),
                band.below.map_or(Cell::Nothing, Cell::Money),
                Cell::Count(band.listed),
                Cell::Count(band.sold),
                Cell::share(band.sold, all),
                Cell::Money(band.revenue),
            ]
        });
        let distributions = [("listed", self.listed), ("sold", self.sold)];
        let rows = distributions.map(|(at, distribution)| {
            with_distribution([Cell::Text(at.to_owned())], distribution, Cell::Money)
        });
        vec![
            Table::new("prices", "How prices are distributed.", FIGURES, rows),
            Table::new(
                "price_bands",
                "How many were listed and sold in each band of prices.",
                BY_BAND,
                bands,
            ),
        ]
    }
}
