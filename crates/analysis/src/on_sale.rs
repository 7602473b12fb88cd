//! The tickets for sale.

use chrono::{DateTime, Utc};
use domain::{
    AnyEvent, OrderId, Price, TicketId, Title, UserId, ticket::TicketEvent,
    ticket_orders::TicketOrdersEvent,
};
use eventstore::{Commit, StoreError};
use std::collections::{HashMap, HashSet, VecDeque};

use crate::{Cell, Table, events_of, folds::UNDO_PERIOD, table::table};

/// The tickets for sale after the applied commits, which must be those of `TICKETS` and `ORDERS`
/// from the first on. A ticket is for sale when it is listed and no order has it.
///
/// It remembers every unsold ticket, and sold ones for as long as a sale can be undone.
#[derive(Debug, Default)]
pub struct OnSale {
    tickets: HashMap<TicketId, Offer>,
    held: HashMap<OrderId, TicketId>,
    /// Paid orders, in order of payment.
    sold: VecDeque<(DateTime<Utc>, OrderId)>,
}

#[derive(Debug)]
struct Offer {
    title: Title,
    price: Price,
    seller: UserId,
    listed: DateTime<Utc>,
    sequence: u64,
}

impl OnSale {
    /// Applies a commit.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn apply(&mut self, commit: &Commit) -> Result<(), StoreError> {
        for (_, event) in events_of(commit)? {
            match event {
                AnyEvent::Ticket(event) => self.of_ticket(commit, event),
                AnyEvent::Orders(event) => self.of_orders(commit.metadata.time, event),
                AnyEvent::User(_) | AnyEvent::Payment(_) => {}
            }
        }
        Ok(())
    }

    fn of_ticket(&mut self, commit: &Commit, event: TicketEvent) {
        match event {
            TicketEvent::TicketListed {
                ticket_id,
                seller,
                title,
                price,
            } => {
                let offer = Offer {
                    title,
                    price,
                    seller,
                    listed: commit.metadata.time,
                    sequence: commit.sequence,
                };
                self.tickets.insert(ticket_id, offer);
            }
            TicketEvent::TicketRevised { title, price } => {
                if let Ok(id) = commit.aggregate_id.parse()
                    && let Some(offer) = self.tickets.get_mut(&id)
                {
                    offer.title = title;
                    offer.price = price;
                }
            }
            // The ticket follows its orders, which are applied directly.
            TicketEvent::TicketReserved { .. }
            | TicketEvent::TicketReleased { .. }
            | TicketEvent::TicketSold { .. }
            | TicketEvent::WithdrawalRequested { .. }
            | TicketEvent::TicketWithdrawn { .. } => {}
        }
    }

    fn of_orders(&mut self, at: DateTime<Utc>, event: TicketOrdersEvent) {
        match event {
            TicketOrdersEvent::OrderPlaced {
                order_id, ticket, ..
            } => {
                self.held.insert(order_id, ticket.id);
            }
            TicketOrdersEvent::OrderCompleted { order_id, .. } => {
                self.sold.push_back((at, order_id));
                self.forget_sold(at);
            }
            TicketOrdersEvent::OrderCancelled { order_id, .. } => {
                self.held.remove(&order_id);
            }
            TicketOrdersEvent::SaleClosed { ticket_id } => {
                self.tickets.remove(&ticket_id);
            }
            TicketOrdersEvent::OrderAwaitingPayment { .. }
            | TicketOrdersEvent::PaymentRefused { .. } => {}
        }
    }

    /// Drops tickets whose money can no longer be lost. Until then a paid order holds its ticket.
    fn forget_sold(&mut self, now: DateTime<Utc>) {
        while let Some((at, order)) = self.sold.front()
            && now - *at > UNDO_PERIOD
        {
            if let Some(ticket) = self.held.remove(order) {
                self.tickets.remove(&ticket);
            }
            self.sold.pop_front();
        }
    }

    /// Returns the tickets for sale, oldest listing first.
    pub fn finish(self) -> Table {
        let held: HashSet<TicketId> = self.held.into_values().collect();
        let mut offers: Vec<_> = self.tickets.into_iter().collect();
        offers.retain(|(id, _)| !held.contains(id));
        offers.sort_unstable_by_key(|(_, offer)| offer.sequence);
        table!("tickets", "What was for sale.", offers, |(id, offer)| {
            "ticket": "the ticket's id" => Cell::Text(id.to_string()),
            "title": "its title then" => Cell::Text(offer.title.into()),
            "price": "its price then" => Cell::Money(offer.price.cents()),
            "seller": "the seller's user id" => Cell::Text(offer.seller.to_string()),
            "listed": "when it was listed" => Cell::Time(offer.listed),
        })
    }
}
