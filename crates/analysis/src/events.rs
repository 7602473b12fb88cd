//! Decoding commits of any stream.

use domain::AnyEvent;
use domain::streams;
use eventstore::{Commit, StoreError};

/// Decodes the events of a commit, each with the aggregate's version (the first event has 0).
///
/// # Errors
/// [`StoreError::Unreadable`] with stream and sequence, when an event is of an unknown type or
/// shape, or the stream isn't one of the log's.
pub fn events_of(commit: &Commit) -> Result<Vec<(u64, AnyEvent)>, StoreError> {
    fn any<E: cqrs_es::DomainEvent + Into<AnyEvent>>(
        commit: &Commit,
    ) -> Result<Vec<(u64, AnyEvent)>, StoreError> {
        let events = commit.decode::<E>()?.into_iter();
        Ok(events
            .map(|(version, event)| (version, event.into()))
            .collect())
    }
    match commit.stream.as_str() {
        streams::USERS => any::<domain::user::UserEvent>(commit),
        streams::TICKETS => any::<domain::ticket::TicketEvent>(commit),
        streams::ORDERS => any::<domain::ticket_orders::TicketOrdersEvent>(commit),
        streams::PAYMENTS => any::<domain::payment::PaymentEvent>(commit),
        _ => Err(StoreError::Unreadable {
            stream: commit.stream,
            sequence: commit.sequence,
            why: "no such stream belongs to the log".to_owned(),
        }),
    }
}
