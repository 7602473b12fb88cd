//! Tickets with their orders and payments.

use domain::{
    OrderId, TicketId, UserId,
    payment::Payment,
    ticket::{Availability, Ticket},
    ticket_orders::TicketOrders,
};
use std::collections::{HashMap, hash_map::Entry};

use crate::recorder::Tracked;

/// A ticket, its orders, and the payments of those orders.
#[derive(Debug)]
pub(crate) struct Lot {
    pub id: TicketId,
    pub seller: UserId,
    /// Its value to buyers, in cents.
    pub worth: u64,
    /// Number of price changes.
    pub revisions: u32,
    pub ticket: Tracked<Ticket>,
    pub orders: Tracked<TicketOrders>,
    pub payments: HashMap<OrderId, Tracked<Payment>>,
}

impl Lot {
    /// Whether it can't change any more: the ticket is sold, and all payments are final.
    fn is_over(&self) -> bool {
        let listing = self.ticket.state.listing();
        listing.is_some_and(|listing| matches!(listing.availability, Availability::Sold(_)))
            && self.payments.values().all(|payment| {
                let begun = payment.state.begun();
                begun.is_none_or(|begun| begun.status.is_final())
            })
    }
}

/// Every listed ticket, in order of listing. Those that can't change any more are dropped.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    all: Vec<Option<Box<Lot>>>,
    /// The tickets that buyers see as for sale, and the position of each in that list.
    shown: Vec<usize>,
    places: HashMap<usize, usize>,
}

impl Inventory {
    pub fn add(&mut self, lot: Lot) -> usize {
        self.all.push(Some(Box::new(lot)));
        let number = self.all.len() - 1;
        self.show(number);
        number
    }

    pub fn get(&mut self, number: usize) -> Option<&mut Lot> {
        self.all.get_mut(number)?.as_deref_mut()
    }

    /// Drops a ticket that can't change any more.
    pub fn forget_if_over(&mut self, number: usize) {
        if self.get(number).is_some_and(|lot| lot.is_over()) {
            self.hide(number);
            self.all[number] = None;
        }
    }

    /// The tickets for sale, in no particular order.
    pub fn shown(&self) -> &[usize] {
        &self.shown
    }

    pub fn show(&mut self, number: usize) {
        if let Entry::Vacant(place) = self.places.entry(number) {
            place.insert(self.shown.len());
            self.shown.push(number);
        }
    }

    pub fn hide(&mut self, number: usize) {
        if let Some(place) = self.places.remove(&number) {
            self.shown.swap_remove(place);
            if let Some(moved) = self.shown.get(place) {
                self.places.insert(*moved, place);
            }
        }
    }
}
