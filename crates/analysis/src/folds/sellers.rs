//! Who sells what.

use domain::{AnyEvent, TicketId, UserId, ticket::TicketEvent};
use eventstore::{ORDERS, StreamName, TICKETS};
use std::{cmp::Reverse, collections::HashMap};

use super::shared::{LiveOrders, OrderChange, columns, mean_money};
use crate::{Cell, Column, Entry, Fold, Table};

/// What each seller listed and sold in the range.
#[derive(Debug, Default)]
pub struct Sellers {
    live: LiveOrders,
    /// Whose each ticket is. Also of those that are sold: a sale may be undone.
    of: HashMap<TicketId, UserId>,
    sold_by: HashMap<UserId, Seller>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seller {
    listed: u64,
    sold: u64,
    revenue: u64,
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

    fn apply(&mut self, entry: &Entry<'_>) {
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
        let mut sellers: Vec<_> = self.sold_by.iter().collect();
        sellers.sort_unstable_by_key(|(id, seller)| (Reverse(seller.revenue), **id));
        let all = sellers.iter().map(|(_, seller)| seller.revenue).sum();
        let rows = sellers.into_iter().map(|(id, seller)| {
            vec![
                Cell::Text(id.to_string()),
                Cell::Count(seller.listed),
                Cell::Count(seller.sold),
                Cell::Money(seller.revenue),
                Cell::Share {
                    part: seller.revenue,
                    of: all,
                },
                mean_money(seller.revenue.into(), seller.sold),
            ]
        });
        vec![Table {
            name: "revenue_by_seller",
            doc: "What each seller listed and sold, the highest revenue first.",
            columns: COLUMNS,
            rows: rows.collect(),
        }]
    }
}
