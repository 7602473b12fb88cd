//! The events of all aggregates.

use crate::{
    payment::PaymentEvent, ticket::TicketEvent, ticket_orders::TicketOrdersEvent, user::UserEvent,
};

/// An event of any type of aggregate.
#[derive(Clone, Debug, PartialEq)]
pub enum AnyEvent {
    /// Of a user.
    User(UserEvent),
    /// Of a ticket.
    Ticket(TicketEvent),
    /// Of a ticket's orders.
    Orders(TicketOrdersEvent),
    /// Of a payment.
    Payment(PaymentEvent),
}

macro_rules! from {
    ($($variant:ident $event:ident),*) => {
        $(impl From<$event> for AnyEvent {
            fn from(event: $event) -> Self {
                Self::$variant(event)
            }
        })*
    };
}
from!(User UserEvent, Ticket TicketEvent, Orders TicketOrdersEvent, Payment PaymentEvent);
