//! Resolves an ID to a ticket, order, payment or user.

use domain::{AnyEvent, Email, OrderId, PaymentId, TicketId, UserId, payment::PaymentEvent};
use event_streams::{ORDERS, PAYMENTS, TICKETS, USERS};
use eventstore::Log;
use memchr::memmem::Finder;
use uuid::Uuid;

use crate::{AnalysisError, Range, ResolvedRange, commits_of, events_of};

/// The subject of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entity {
    /// A ticket.
    Ticket(TicketId),
    /// An order, and its ticket.
    Order {
        /// The order.
        order: OrderId,
        /// Its ticket.
        ticket: TicketId,
    },
    /// A payment, its order, and the order's ticket.
    Payment {
        /// The payment.
        payment: PaymentId,
        /// Its order.
        order: OrderId,
        /// The ticket of that order.
        ticket: TicketId,
    },
    /// A user.
    User(UserId),
}

/// Resolves an ID or an e-mail address; `None` if the log contains neither.
///
/// The log finds tickets, users and payments by their ID, and an order by its payment. For an order
/// without a payment, all orders are read; `progress` receives the number of commits read, and
/// their total.
///
/// # Errors
/// [`AnalysisError::NotAnId`] when the text is neither; when the log can't be read.
pub async fn find(
    log: &Log,
    id: &str,
    progress: impl FnMut(u64, u64),
) -> Result<Option<Entity>, AnalysisError> {
    let uuid = match (Email::parse(id), Uuid::parse_str(id.trim())) {
        (Ok(email), _) => UserId::of(&email).0,
        (_, Ok(uuid)) => uuid,
        _ => return Err(AnalysisError::NotAnId(id.to_owned())),
    };
    let id = uuid.to_string();
    if !commits_of(log, TICKETS, &id).await?.is_empty() {
        return Ok(Some(Entity::Ticket(TicketId(uuid))));
    }
    if let Some((order, ticket)) = paid_by(log, PaymentId(uuid)).await? {
        return Ok(Some(Entity::Payment {
            payment: PaymentId(uuid),
            order,
            ticket,
        }));
    }
    if !commits_of(log, USERS, &id).await?.is_empty() {
        return Ok(Some(Entity::User(UserId(uuid))));
    }
    if let Some((order, ticket)) = paid_by(log, PaymentId::of(OrderId(uuid))).await? {
        return Ok(Some(Entity::Order { order, ticket }));
    }
    // Orders of a ticket that doesn't exist.
    if !commits_of(log, ORDERS, &id).await?.is_empty() {
        return Ok(Some(Entity::Ticket(TicketId(uuid))));
    }
    let ticket = ticket_of(log, OrderId(uuid), progress).await?;
    Ok(ticket.map(|ticket| Entity::Order {
        order: OrderId(uuid),
        ticket,
    }))
}

/// What a payment pays, if it was begun.
async fn paid_by(
    log: &Log,
    payment: PaymentId,
) -> Result<Option<(OrderId, TicketId)>, AnalysisError> {
    for commit in commits_of(log, PAYMENTS, &payment.to_string()).await? {
        for (_, event) in events_of(&commit)? {
            if let AnyEvent::Payment(PaymentEvent::PaymentBegun {
                order_id,
                ticket_id,
                ..
            }) = event
            {
                return Ok(Some((order_id, ticket_id)));
            }
        }
    }
    Ok(None)
}

/// Searches all orders.
async fn ticket_of(
    log: &Log,
    order: OrderId,
    mut progress: impl FnMut(u64, u64),
) -> Result<Option<TicketId>, AnalysisError> {
    let id = order.to_string();
    let mentions = Finder::new(id.as_bytes());
    let span = ResolvedRange::resolve(&Range::all(), log, &[ORDERS]).await?;
    let (mut commits, mut read) = (span.read(log), 0);
    while let Some(commit) = commits.next().await {
        let commit = commit?;
        read += 1;
        progress(read, span.len());
        // Decoding all of them would take several times as long.
        if mentions.find(commit.events_json()).is_none() {
            continue;
        }
        let events = events_of(&commit)?;
        let is_of = |event: &AnyEvent| matches!(event, AnyEvent::Orders(event) if event.order_id() == Some(order));
        if events.iter().any(|(_, event)| is_of(event)) {
            return Ok(Uuid::parse_str(&commit.aggregate_id).ok().map(TicketId));
        }
    }
    Ok(None)
}
