//! What happened, by its type.

use domain::{
    payment::PaymentEvent, ticket::TicketEvent, ticket_orders::TicketOrdersEvent, user::UserEvent,
};
use eventstore::{Commit, ORDERS, PAYMENTS, StoreError, TICKETS, USERS};

/// An event of any of the four kinds of aggregates.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    /// To a user.
    User(UserEvent),
    /// To a ticket.
    Ticket(TicketEvent),
    /// To a ticket's orders.
    Orders(TicketOrdersEvent),
    /// To a payment.
    Payment(PaymentEvent),
}

impl Happened {
    /// The events of a commit, each with the aggregate's version (the first event ever has 0).
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] with stream and sequence, when an event is of no known type or
    /// shape, or the stream is none of the log's.
    pub fn of(commit: &Commit) -> Result<Vec<(u64, Self)>, StoreError> {
        fn wrapped<E: cqrs_es::DomainEvent>(
            commit: &Commit,
            wrap: impl Fn(E) -> Happened,
        ) -> Result<Vec<(u64, Happened)>, StoreError> {
            let events = commit.decode::<E>()?.into_iter();
            Ok(events
                .map(|(version, event)| (version, wrap(event)))
                .collect())
        }
        match commit.stream {
            USERS => wrapped(commit, Self::User),
            TICKETS => wrapped(commit, Self::Ticket),
            ORDERS => wrapped(commit, Self::Orders),
            PAYMENTS => wrapped(commit, Self::Payment),
            stream => Err(StoreError::Unreadable {
                stream,
                sequence: commit.sequence,
                why: "no such stream belongs to the log".to_owned(),
            }),
        }
    }
}
