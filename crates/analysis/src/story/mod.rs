//! The story of one thing, across all services.

mod find;
mod order;
mod scan;

pub use find::{Subject, find};

use domain::{OrderId, PaymentId};
use eventstore::{Commit, Log, ORDERS, PAYMENTS, StreamName, TICKETS};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap, HashSet};
use uuid::Uuid;

use crate::{
    AnalysisError, EventRow, FieldChange, Happened, aggregate::Aggregate, changes, commits_of,
};

/// One step: a commit, why it came about, and what it changed.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// Its number in the story, counted from 1.
    pub step: usize,
    /// The step that caused it, if that is part of the story.
    pub caused_by: Option<usize>,
    /// How many steps led to it from the request that began it all.
    pub depth: usize,
    /// Its events; secrets are left out.
    pub events: Vec<EventRow>,
    /// The aggregate's state after it: of an order's story, the order's.
    pub state: Value,
    /// What is different from the step before on the same aggregate.
    pub changes: Vec<FieldChange>,
}

/// The story of one thing: every step in order. An effect never comes before its cause.
///
/// - Of a *ticket*: what happened to it, all of its orders, and their payments.
/// - Of an *order* or a *payment*: what happened to that order, to its payment, and to the ticket
///   because of it.
/// - Of a *user*: the account, everything the user asked for, whatever followed from it, and what
///   happened to the tickets that the user sells.
///
/// # Errors
/// When the log can't be read. A user's story needs all of it; `progress` is told how many commits
/// of how many are read.
pub async fn story(
    log: &Log,
    subject: Subject,
    progress: impl FnMut(u64, u64),
) -> Result<Vec<Step>, AnalysisError> {
    let (aggregates, chosen) = match subject {
        Subject::Ticket(ticket) => {
            let id = ticket.to_string();
            let mut aggregates = BTreeSet::from([(TICKETS, id.clone()), (ORDERS, id.clone())]);
            for order in orders_of(log, &id).await? {
                aggregates.insert((PAYMENTS, PaymentId::of(order).to_string()));
            }
            (aggregates, Chosen::All)
        }
        Subject::Order { order, ticket } | Subject::Payment { order, ticket, .. } => {
            let id = ticket.to_string();
            let payment = PaymentId::of(order).to_string();
            let aggregates =
                BTreeSet::from([(TICKETS, id.clone()), (ORDERS, id), (PAYMENTS, payment)]);
            (aggregates, Chosen::OfOrder(order))
        }
        Subject::User(user) => {
            let found = scan::of_user(log, user, progress).await?;
            (found.aggregates, Chosen::Commits(found.commits))
        }
    };
    let mut told = Vec::new();
    for (stream, id) in aggregates {
        let commits = commits_of(log, stream, &id).await?;
        told.extend(steps_of(stream, commits, &chosen)?);
    }
    Ok(order::in_order(told))
}

/// Which commits of the aggregates belong to a story.
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
                let events = Happened::of(commit)?;
                events.iter().any(|(_, event)| is_of_order(event, *order))
            }
        })
    }
}

fn is_of_order(event: &Happened, order: OrderId) -> bool {
    use domain::ticket::TicketEvent::{TicketReleased, TicketReserved, TicketSold};
    match event {
        Happened::Orders(event) => event.order_id() == Some(order),
        Happened::Ticket(
            TicketReserved { order_id, .. }
            | TicketReleased { order_id, .. }
            | TicketSold { order_id, .. },
        ) => *order_id == order,
        Happened::Ticket(_) | Happened::User(_) => false,
        // Only the payment of this order is looked at.
        Happened::Payment(_) => true,
    }
}

/// A commit with what it changed, before it has its place in the story.
struct Told {
    commit: Commit,
    events: Vec<EventRow>,
    state: Value,
    changes: Vec<FieldChange>,
}

/// Replays an aggregate and keeps the steps that belong to the story.
fn steps_of(
    stream: StreamName,
    commits: Vec<Commit>,
    chosen: &Chosen,
) -> Result<Vec<Told>, AnalysisError> {
    let Some(mut aggregate) = Aggregate::empty(stream) else {
        return Ok(Vec::new());
    };
    let mut version = 0;
    let mut before = Value::Null;
    let mut told = Vec::new();
    for commit in commits {
        aggregate.apply(&mut version, &commit)?;
        let state = match chosen {
            Chosen::OfOrder(order) => aggregate.state_of_order(*order),
            _ => aggregate.state(),
        };
        if chosen.has(&commit)? {
            let events = EventRow::of(&commit)?;
            told.push(Told {
                commit,
                events: events.into_iter().map(EventRow::without_secrets).collect(),
                changes: changes(&before, &state),
                state: state.clone(),
            });
        }
        before = state;
    }
    Ok(told)
}

/// Every order of a ticket.
async fn orders_of(log: &Log, ticket: &str) -> Result<Vec<OrderId>, AnalysisError> {
    let mut orders = Vec::new();
    for commit in commits_of(log, ORDERS, ticket).await? {
        for (_, event) in Happened::of(&commit)? {
            if let Happened::Orders(event) = event
                && let Some(order) = event.order_id()
                && !orders.contains(&order)
            {
                orders.push(order);
            }
        }
    }
    Ok(orders)
}

/// Numbers by commit.
type Numbers = HashMap<Uuid, usize>;
