//! The history of a ticket, order, payment or user, across all services.

mod find;
mod order;
mod scan;

pub use find::{Entity, find};

use domain::{AnyEvent, OrderId, PaymentId};
use event_streams::{ORDERS, PAYMENTS, TICKETS};
use eventstore::{Commit, Log, StreamName};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};
use uuid::Uuid;

use crate::{
    AnalysisError, EventRow, FieldChange, aggregate::Aggregate, changes, commits_of, events_of,
};

/// One step: a commit, its cause, and its changes.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryStep {
    /// Its number in the history, counted from 1.
    pub step: usize,
    /// The step that caused it, if that is part of the history.
    pub caused_by: Option<usize>,
    /// Number of steps from the original request.
    pub depth: usize,
    /// Its events, without secrets.
    pub events: Vec<EventRow>,
    /// The aggregate's state after it; in an order's history, the state of the order.
    pub state: Value,
    /// The differences from the previous step of the same aggregate.
    pub changes: Vec<FieldChange>,
}

/// Returns a history: every step in order. An effect never comes before its cause.
///
/// - Of a *ticket*: its own events, all of its orders, and their payments.
/// - Of an *order* or a *payment*: the events of that order and its payment, and their effects on
///   the ticket.
/// - Of a *user*: the account, all of the user's requests and their consequences, and the events of
///   the tickets that the user sells.
///
/// # Errors
/// When the log can't be read. A user's history requires all of it; `progress` receives the number
/// of commits read, and their total.
/// commits read, and of all.
pub async fn history(
    log: &Log,
    subject: Entity,
    progress: impl FnMut(u64, u64),
) -> Result<Vec<HistoryStep>, AnalysisError> {
    let (aggregates, chosen) = match subject {
        Entity::Ticket(ticket) => {
            let id = ticket.to_string();
            let mut aggregates = BTreeSet::from([(TICKETS, id.clone()), (ORDERS, id.clone())]);
            for order in orders_of(log, &id).await? {
                aggregates.insert((PAYMENTS, PaymentId::of(order).to_string()));
            }
            (aggregates, Chosen::All)
        }
        Entity::Order { order, ticket } | Entity::Payment { order, ticket, .. } => {
            let id = ticket.to_string();
            let payment = PaymentId::of(order).to_string();
            let aggregates =
                BTreeSet::from([(TICKETS, id.clone()), (ORDERS, id), (PAYMENTS, payment)]);
            (aggregates, Chosen::OfOrder(order))
        }
        Entity::User(user) => {
            let found = scan::of_user(log, user, progress).await?;
            (found.aggregates, Chosen::Commits(found.commits))
        }
    };
    let mut steps = Vec::new();
    for (stream, id) in aggregates {
        let commits = commits_of(log, stream, &id).await?;
        steps.extend(steps_of(stream, commits, &chosen)?);
    }
    Ok(order::number(steps))
}

/// The commits of an aggregate that belong to a history.
enum Chosen {
    All,
    OfOrder(OrderId),
    Commits(HashSet<Uuid>),
}

impl Chosen {
    fn has(&self, commit: &Commit) -> Result<bool, AnalysisError> {
        Ok(match self {
            Self::All => true,
            Self::Commits(commits) => commits.contains(&commit.commit_id),
            Self::OfOrder(order) => {
                let events = events_of(commit)?;
                events.iter().any(|(_, event)| is_of_order(event, *order))
            }
        })
    }
}

fn is_of_order(event: &AnyEvent, order: OrderId) -> bool {
    use domain::ticket::TicketEvent::{TicketReleased, TicketReserved, TicketSold};
    match event {
        AnyEvent::Orders(event) => event.order_id() == Some(order),
        AnyEvent::Ticket(
            TicketReserved { order_id, .. }
            | TicketReleased { order_id, .. }
            | TicketSold { order_id, .. },
        ) => *order_id == order,
        AnyEvent::Ticket(_) | AnyEvent::User(_) => false,
        // Only the payment of this order is read.
        AnyEvent::Payment(_) => true,
    }
}

/// A commit with its changes, before it has its place in the history.
struct UnnumberedStep {
    commit: Commit,
    events: Vec<EventRow>,
    state: Value,
    changes: Vec<FieldChange>,
}

/// Replays an aggregate and keeps the steps that belong to the history.
fn steps_of(
    stream: StreamName,
    commits: Vec<Commit>,
    chosen: &Chosen,
) -> Result<Vec<UnnumberedStep>, AnalysisError> {
    let Some(mut aggregate) = Aggregate::empty(stream) else {
        return Ok(Vec::new());
    };
    let mut version = 0;
    let mut before = Value::Null;
    let mut steps = Vec::new();
    for commit in commits {
        aggregate.apply(&mut version, &commit)?;
        let state = match chosen {
            Chosen::OfOrder(order) => aggregate.state_of_order(*order),
            _ => aggregate.state(),
        };
        if chosen.has(&commit)? {
            let events = EventRow::of(&commit)?;
            steps.push(UnnumberedStep {
                commit,
                events: events.into_iter().map(EventRow::without_secrets).collect(),
                changes: changes(&before, &state),
                state: state.clone(),
            });
        }
        before = state;
    }
    Ok(steps)
}

/// Every order of a ticket.
async fn orders_of(log: &Log, ticket: &str) -> Result<Vec<OrderId>, AnalysisError> {
    let mut orders = Vec::new();
    for commit in commits_of(log, ORDERS, ticket).await? {
        for (_, event) in events_of(&commit)? {
            if let AnyEvent::Orders(event) = event
                && let Some(order) = event.order_id()
                && !orders.contains(&order)
            {
                orders.push(order);
            }
        }
    }
    Ok(orders)
}
