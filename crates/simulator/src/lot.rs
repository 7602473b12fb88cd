//! A ticket and all that belongs to it.

use domain::{
    OrderId, TicketId, UserId, payment::Payment, ticket::Ticket, ticket_orders::TicketOrders,
};
use std::collections::HashMap;

use crate::record::Kept;

/// A ticket, its orders, and the payments of those orders that aren't over.
#[derive(Debug)]
pub(crate) struct Lot {
    pub id: TicketId,
    pub seller: UserId,
    /// What people think it is worth, in cents.
    pub worth: u64,
    /// How often its price was changed.
    pub revisions: u32,
    pub ticket: Kept<Ticket>,
    pub orders: Kept<TicketOrders>,
    pub payments: HashMap<OrderId, Kept<Payment>>,
}

/// Every ticket that was listed, by the order of listing. What can't change any more is dropped.
#[derive(Debug, Default)]
pub(crate) struct Lots {
    all: Vec<Option<Box<Lot>>>,
    /// Those that people see as for sale, and where each is in that list.
    shown: Vec<usize>,
    places: HashMap<usize, usize>,
}

impl Lots {
    pub fn add(&mut self, lot: Lot) -> usize {
        self.all.push(Some(Box::new(lot)));
        let number = self.all.len() - 1;
        self.show(number);
        number
    }

    pub fn get(&mut self, number: usize) -> Option<&mut Lot> {
        self.all.get_mut(number)?.as_deref_mut()
    }

    /// Forgets a ticket that is sold.
    pub fn forget(&mut self, number: usize) {
        self.hide(number);
        self.all[number] = None;
    }

    /// What is for sale, in no particular order.
    pub fn shown(&self) -> &[usize] {
        &self.shown
    }

    pub fn show(&mut self, number: usize) {
        if let std::collections::hash_map::Entry::Vacant(place) = self.places.entry(number) {
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
