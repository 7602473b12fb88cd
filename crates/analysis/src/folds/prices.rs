//! Prices of tickets that were listed, and of those that sold.

use api::{
    Amount,
    analytics::{PriceBand, PriceDistribution},
};
use domain::{AnyEvent, ticket::TicketEvent};
use event_streams::{ORDERS, TICKETS};
use eventstore::StreamName;

use super::{
    Figures,
    shared::{LiveOrders, OrderChange, Values, cents, figure_columns, with_distribution},
};
use crate::{Cell, Column, Fold, RecordedEvent, Table, table::table};

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

/// Lower bounds of the price bands, in cents. Each is about double the previous one, since prices
/// are distributed that way.
const BANDS: [u64; 12] = [
    0, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000,
];

const FIGURES: &[Column] = figure_columns!(
    "at" "listed: tickets at their first price; sold: paid orders";
    "lowest", "p10", "p25", "median", "p75", "p90", "highest", "mean"
);
impl Prices {
    fn band(&mut self, cents: u64) -> &mut PriceBand {
        let i = BANDS.partition_point(|begin| *begin <= cents);
        &mut self.bands[i - 1]
    }

    /// Returns the figures of the events so far.
    pub fn figures(&mut self) -> PriceDistribution {
        let bands = self.bands.iter().zip(BANDS).enumerate();
        let bands = bands.map(|(i, (band, from))| PriceBand {
            from: Amount::of_prices(from),
            below: BANDS.get(i + 1).copied().map(Amount::of_prices),
            ..*band
        });
        PriceDistribution {
            listed: self.listed.distribution(Amount::of_prices),
            sold: self.sold.distribution(Amount::of_prices),
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
            self.sold.take_away(cents(order.price));
            let band = self.band(cents(order.price));
            band.sold -= 1;
            band.revenue.cents -= order.price.cents;
        }
        if !entry.in_range {
            return;
        }
        if let AnyEvent::Ticket(TicketEvent::TicketListed { price, .. }) = entry.event {
            self.listed.add(price.cents());
            self.band(price.cents()).listed += 1;
        } else if let Some((order, OrderChange::Paid)) = change {
            self.sold.add(cents(order.price));
            let band = self.band(cents(order.price));
            band.sold += 1;
            band.revenue.cents += order.price.cents;
        }
    }

    fn tables(&mut self) -> Vec<Table> {
        self.figures().tables()
    }
}

impl Figures for PriceDistribution {
    fn tables(&self) -> Vec<Table> {
        let all = self.sold.map_or(0, |sold| sold.count);
        let distributions = [("listed", self.listed), ("sold", self.sold)];
        let rows = distributions.map(|(at, distribution)| {
            with_distribution([Cell::Text(at.to_owned())], distribution, Cell::money)
        });
        vec![
            Table::new("prices", "How prices are distributed.", FIGURES, rows),
            table!("price_bands", "How many were listed and sold in each band of prices.", &self.bands, |band| {
                "from": "prices from here on (included)" => Cell::money(band.from),
                "below": "prices below this; none for the highest band" => band.below.map_or(Cell::Nothing, Cell::money),
                "listed": "tickets that were first offered in this band" => Cell::Count(band.listed),
                "sold": "orders that were paid in this band" => Cell::Count(band.sold),
                "share_of_sold": "their share of all paid orders" => Cell::share(band.sold, all),
                "revenue": "what they brought in" => Cell::money(band.revenue),
            }),
        ]
    }
}
