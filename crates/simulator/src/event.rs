//! The events of a simulation.

use domain::{OrderId, Price, UserId, ticket::TicketCommand, ticket_orders::TicketOrdersCommand};

use crate::recorder::{Cause, Origin, Pending};

/// A scheduled event.
#[derive(Debug)]
pub(crate) enum SimEvent {
    /// An hour begins.
    Hour(usize),
    /// A seller has something to sell.
    Offer,
    /// A known seller lists a ticket.
    List(UserId),
    /// A seller reconsiders a price.
    Reconsider(usize),
    /// A buyer arrives.
    Visit,
    /// A known buyer browses.
    Look(UserId),
    /// Prices fall for a while.
    FlashBegins,
    /// Prices return to normal.
    FlashEnds,
    /// A step of the purchase of a ticket.
    Purchase(usize, PurchaseStep),
}

/// A step of a purchase.
#[derive(Debug)]
pub(crate) enum PurchaseStep {
    /// A buyer orders at the displayed price.
    Order { buyer: UserId, seen: Price },
    /// The buyer cancels the order.
    Cancel(OrderId),
    /// The order is due to expire.
    Expire(OrderId, Cause),
    /// The buyer sends a card.
    Pay(OrderId, u32),
    /// The provider answers.
    Answer {
        order: OrderId,
        origin: Origin,
        declined: bool,
        tries: u32,
    },
    /// The ticket follows its orders.
    Ticket(Box<Pending<TicketCommand>>),
    /// The order follows its payment.
    Orders(Box<Pending<TicketOrdersCommand>>),
    /// The payment is settled, since the order was decided.
    Settle(OrderId, Cause),
}
