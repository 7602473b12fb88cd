//! Follows the tickets: a sale ends when its seller withdraws the ticket, unless an order is faster.

use chrono::Utc;
use domain::{
    TicketId,
    ticket::TicketEvent,
    ticket_orders::{TicketOrders, TicketOrdersCommand, TicketOrdersError},
};
use eventstore::{
    CommandError, Commit, Expectation, HandlerError, Log, Metadata, Store, Subscription, TICKETS,
    Worker,
};

const SUBSCRIPTION: Subscription = Subscription::new("orders-on-tickets");

/// Starts to follow.
pub(crate) fn start(log: &Log, orders: Store<TicketOrders>) -> Worker {
    log.workers()
        .on_commit(TICKETS, SUBSCRIPTION, move |commit| {
            let orders = orders.clone();
            async move { react(&orders, &commit).await }
        })
}

async fn react(orders: &Store<TicketOrders>, commit: &Commit) -> Result<(), HandlerError> {
    for (version, event) in commit.decode()? {
        let TicketEvent::WithdrawalRequested { orders_seen } = event else {
            continue;
        };
        let poison = |why: String| HandlerError::Poison(why);
        let ticket_id: TicketId = commit
            .aggregate_id
            .parse()
            .map_err(|_| poison(format!("{:?} is no ticket's id", commit.aggregate_id)))?;
        let metadata =
            Metadata::caused_by(commit, SUBSCRIPTION.name, &version.to_string(), Utc::now());
        let command = TicketOrdersCommand::Close {
            ticket_id,
            orders_seen,
        };
        // The orders' aggregate has the ticket's id.
        orders
            .execute(
                &commit.aggregate_id,
                command,
                &metadata,
                Expectation::Unknown,
            )
            .await
            .map_err(|error: CommandError<TicketOrdersError>| match error {
                CommandError::Failed(failure) => failure.into(),
                CommandError::Refused(refusal) => poison(refusal.to_string()),
            })?;
    }
    Ok(())
}
