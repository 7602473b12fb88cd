//! Short forms of the commands and events of a ticket's orders.

use domain::{
    Currency,
    ticket::ListingDifference,
    ticket_orders::{CancelReason, OrderedTicket, TicketOrdersCommand, TicketOrdersEvent},
};

use crate::support::{at, order, payment_of, price, ticket_id, title, user};

pub const BUYER: u128 = 1;
pub const OTHER: u128 = 2;
pub const HOLD_SECONDS: i64 = 900;

pub fn ordered_ticket() -> OrderedTicket {
    OrderedTicket {
        id: ticket_id(),
        title: title("Opening night"),
        price: price(2_000),
        currency: Currency::USD,
        version: 3,
    }
}

/// The seller of the ticket; none of the buyers.
pub const SELLER_OF_ALL: u128 = 99;

pub fn place(n: u128, buyer: u128) -> TicketOrdersCommand {
    place_at(n, buyer, 0)
}

pub fn place_at(n: u128, buyer: u128, seconds: i64) -> TicketOrdersCommand {
    TicketOrdersCommand::Place {
        order_id: order(n),
        buyer: user(buyer),
        ticket: ordered_ticket(),
        seller: user(SELLER_OF_ALL),
        expected_price: None,
        difference: ListingDifference::default(),
        at: at(seconds),
        expires_at: at(seconds + HOLD_SECONDS),
    }
}

pub fn placed(n: u128, buyer: u128) -> TicketOrdersEvent {
    placed_at(n, buyer, 0)
}

pub fn placed_at(n: u128, buyer: u128, seconds: i64) -> TicketOrdersEvent {
    TicketOrdersEvent::OrderPlaced {
        order_id: order(n),
        buyer: user(buyer),
        ticket: ordered_ticket(),
        placed_at: at(seconds),
        expires_at: at(seconds + HOLD_SECONDS),
    }
}

pub fn await_payment(n: u128) -> TicketOrdersCommand {
    TicketOrdersCommand::AwaitPayment {
        order_id: order(n),
        payment_id: payment_of(n),
    }
}

pub fn awaiting(n: u128) -> TicketOrdersEvent {
    TicketOrdersEvent::OrderAwaitingPayment {
        order_id: order(n),
        payment_id: payment_of(n),
        version: 1,
    }
}

pub fn complete(n: u128) -> TicketOrdersCommand {
    TicketOrdersCommand::Complete {
        order_id: order(n),
        payment_id: payment_of(n),
    }
}

pub fn completed(n: u128, version: u64) -> TicketOrdersEvent {
    TicketOrdersEvent::OrderCompleted {
        order_id: order(n),
        payment_id: payment_of(n),
        version,
    }
}

pub fn cancel(n: u128, by: u128) -> TicketOrdersCommand {
    TicketOrdersCommand::Cancel {
        order_id: order(n),
        by: user(by),
    }
}

pub fn expire(n: u128, seconds: i64) -> TicketOrdersCommand {
    TicketOrdersCommand::Expire {
        order_id: order(n),
        at: at(seconds),
    }
}

pub fn cancelled(n: u128, reason: CancelReason, version: u64) -> TicketOrdersEvent {
    TicketOrdersEvent::OrderCancelled {
        order_id: order(n),
        reason,
        version,
    }
}

pub fn refused(n: u128) -> TicketOrdersEvent {
    TicketOrdersEvent::PaymentRefused {
        order_id: order(n),
        payment_id: payment_of(n),
    }
}
