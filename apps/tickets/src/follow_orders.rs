//! Follows what is decided about a ticket's orders: held, free again, sold.

use chrono::Utc;
use domain::{
    ticket::{OrderDecision, Ticket, TicketCommand},
    ticket_orders::TicketOrdersEvent,
};
use eventstore::{
    CommandError, Commit, Expectation, HandlerError, Log, Metadata, ORDERS, Store, Subscription,
    Worker,
};

const SUBSCRIPTION: Subscription = Subscription::new("tickets-on-orders");

/// Starts to follow.
pub(crate) fn start(log: &Log, tickets: Store<Ticket>) -> Worker {
    log.workers()
        .on_commit(ORDERS, SUBSCRIPTION, move |commit| {
            let tickets = tickets.clone();
            async move { follow(&tickets, &commit).await }
        })
}

async fn follow(tickets: &Store<Ticket>, commit: &Commit) -> Result<(), HandlerError> {
    for (orders_version, event) in commit.decode()? {
        let decision = match event {
            TicketOrdersEvent::OrderPlaced { order_id, .. } => OrderDecision::Placed(order_id),
            TicketOrdersEvent::OrderCancelled { order_id, .. } => {
                OrderDecision::Cancelled(order_id)
            }
            TicketOrdersEvent::OrderCompleted { order_id, .. } => {
                OrderDecision::Completed(order_id)
            }
            TicketOrdersEvent::SaleClosed { .. } => OrderDecision::Closed,
            TicketOrdersEvent::OrderAwaitingPayment { .. }
            | TicketOrdersEvent::PaymentRefused { .. } => continue,
        };
        let metadata = Metadata::caused_by(
            commit,
            SUBSCRIPTION.name,
            &orders_version.to_string(),
            Utc::now(),
        );
        let command = TicketCommand::Follow {
            decision,
            orders_version,
        };
        // The orders' aggregate has the ticket's id.
        tickets
            .execute(
                &commit.aggregate_id,
                command,
                &metadata,
                Expectation::Unknown,
            )
            .await
            .map_err(|error| match error {
                CommandError::Failed(failure) => failure.into(),
                CommandError::Refused(refusal) => HandlerError::Poison(refusal.to_string()),
            })?;
    }
    Ok(())
}
