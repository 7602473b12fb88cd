//! Sales by seller.

use api::{Amount, analytics::SellerRevenue};
use domain::{AnyEvent, TicketId, UserId, ticket::TicketEvent};
use event_streams::{ORDERS, TICKETS};
use eventstore::StreamName;
use std::{cmp::Reverse, collections::HashMap};

use super::{
    Figures,
    shared::{LiveOrders, OrderChange, cents, mean_money},
};
use crate::{Cell, Fold, RecordedEvent, Table, table::table};

/// Each seller's listings and sales in the range.
#[derive(Debug, Default)]
pub struct Sellers {
    live: LiveOrders,
    /// The seller of each ticket, including sold ones: a sale may be undone.
    of: HashMap<TicketId, UserId>,
    sold_by: HashMap<UserId, SellerRevenue>,
}

/// The figures of [`Sellers`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SellerFigures {
    /// Every seller, the highest revenue first.
    pub sellers: Vec<SellerRevenue>,
}

impl Fold for Sellers {
    fn streams(&self) -> &'static [StreamName] {
        &[TICKETS, ORDERS]
    }

    fn apply(&mut self, entry: &RecordedEvent<'_>) {
        if let AnyEvent::Ticket(TicketEvent::TicketListed {
            ticket_id, seller, ..
        }) = entry.event
        {
            self.of.insert(*ticket_id, *seller);
            if entry.in_range {
                self.sold_by.entry(*seller).or_default().listed += 1;
            }
            return;
        }
        let Some((order, change)) = self.live.apply(entry) else {
            return;
        };
        let Some(seller) = self.of.get(&order.ticket) else {
            return;
        };
        match change {
            OrderChange::Paid if entry.in_range => {
                let seller = self.sold_by.entry(*seller).or_default();
                seller.sold += 1;
                seller.revenue.cents += order.price.cents;
            }
            OrderChange::Undone if matches!(order.sold, Some((_, true))) => {
                let seller = self.sold_by.entry(*seller).or_default();
                seller.sold -= 1;
                seller.revenue.cents -= order.price.cents;
            }
            _ => {}
        }
    }

    fn tables(&mut self) -> Vec<Table> {
        self.figures().tables()
    }
}

impl Sellers {
    /// Returns the figures of the events so far.
    pub fn figures(&mut self) -> SellerFigures {
        let sellers = self.sold_by.iter().map(|(seller, of)| SellerRevenue {
            seller: seller.0,
            ..*of
        });
        let mut sellers: Vec<_> = sellers.collect();
        sellers.sort_unstable_by_key(|of| (Reverse(of.revenue), of.seller));
        SellerFigures { sellers }
    }
}

impl SellerFigures {
    /// The revenue of all sellers.
    pub fn revenue(&self) -> Amount {
        Amount::from_cents(self.sellers.iter().map(|of| of.revenue.cents).sum())
    }
}

impl Figures for SellerFigures {
    fn tables(&self) -> Vec<Table> {
        let all = cents(self.revenue());
        vec![
            table!("revenue_by_seller", "What each seller listed and sold, the highest revenue first.", &self.sellers, |of| {
                "seller": "the seller's user id" => Cell::Text(of.seller.to_string()),
                "listed": "tickets that were listed in the range" => Cell::Count(of.listed),
                "sold": "tickets that were sold in the range, whenever they were listed" => Cell::Count(of.sold),
                "revenue": "what they brought in" => Cell::money(of.revenue),
                "share_of_revenue": "its share of all revenue" => Cell::share(cents(of.revenue), all),
                "mean_price": "revenue by sold ticket, rounded to the cent" => mean_money(of.revenue, of.sold),
            }),
        ]
    }
}
