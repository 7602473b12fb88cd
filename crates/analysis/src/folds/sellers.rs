//! Sales by seller.

use domain::{AnyEvent, TicketId, UserId, ticket::TicketEvent};
use event_streams::{ORDERS, TICKETS};
use eventstore::StreamName;
use std::{cmp::Reverse, collections::HashMap};

use super::shared::{LiveOrders, OrderChange, mean_money};
use crate::{Cell, Column, Fold, RecordedEvent, Table, columns};

/// Each seller's listings and sales in the range.
#[derive(Debug, Default)]
pub struct Sellers {
    live: LiveOrders,
    /// The seller of each ticket, including sold ones: a sale may be undone.
    of: HashMap<TicketId, UserId>,
    sold_by: HashMap<UserId, Seller>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seller {
    listed: u64,
    sold: u64,
    revenue: u64,
}

/// The figures of [`Sellers`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SellerFigures {
    /// Every seller, the highest revenue first.
    pub sellers: Vec<SellerRevenue>,
}

/// A seller's listings and sales.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SellerRevenue {
    /// The seller.
    pub seller: UserId,
    /// Tickets that were listed.
    pub listed: u64,
    /// Tickets that were sold.
    pub sold: u64,
    /// Their revenue, in cents.
    pub revenue: u64,
}

const COLUMNS: &[Column] = columns![
    "seller": "the seller's user id",
    "listed": "tickets that were listed in the range",
    "sold": "tickets that were sold in the range, whenever they were listed",
    "revenue": "what they brought in",
    "share_of_revenue": "its share of all revenue",
    "mean_price": "revenue by sold ticket, rounded to the cent",
];

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
                seller.revenue += order.price;
            }
            OrderChange::Undone if matches!(order.sold, Some((_, true))) => {
                let seller = self.sold_by.entry(*seller).or_default();
                seller.sold -= 1;
                seller.revenue -= order.price;
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
            seller: *seller,
            listed: of.listed,
            sold: of.sold,
            revenue: of.revenue,
        });
        let mut sellers: Vec<_> = sellers.collect();
        sellers.sort_unstable_by_key(|of| (Reverse(of.revenue), of.seller));
        SellerFigures { sellers }
    }
}

impl SellerFigures {
    /// The revenue of all sellers, in cents.
    pub fn revenue(&self) -> u64 {
        self.sellers.iter().map(|of| of.revenue).sum()
    }

    pub(super) fn tables(&self) -> Vec<Table> {
        let all = self.revenue();
        let rows = self.sellers.iter().map(|of| {
            vec![
                Cell::Text(of.seller.to_string()),
                Cell::Count(of.listed),
                Cell::Count(of.sold),
                Cell::Money(of.revenue),
                Cell::share(of.revenue, all),
                mean_money(of.revenue, of.sold),
            ]
        });
        vec![Table::new(
            "revenue_by_seller",
            "What each seller listed and sold, the highest revenue first.",
            COLUMNS,
            rows,
        )]
    }
}
