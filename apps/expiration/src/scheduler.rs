//! Order placed → a command that falls due when the hold ends.

use domain::{ExpireOrder, ticket_orders::TicketOrdersEvent};
use eventstore::{Commit, HandlerError, Log, ORDERS, Subscription, Worker};

const SUBSCRIPTION: Subscription = Subscription::new("expiration-on-orders");

/// Follows the orders and schedules the expiry of each. The schedule lives in the server of the
/// log: no process has to be up when the hold ends, and none keeps a timer.
pub(crate) fn start(log: &Log) -> Worker {
    let schedules = log.clone();
    log.workers()
        .on_commit(ORDERS, SUBSCRIPTION, move |commit| {
            let log = schedules.clone();
            async move { schedule(&log, &commit).await }
        })
}

async fn schedule(log: &Log, commit: &Commit) -> Result<(), HandlerError> {
    for (_, event) in commit.decode()? {
        if let TicketOrdersEvent::OrderPlaced {
            order_id,
            ticket,
            expires_at,
            ..
        } = event
        {
            // An order that was paid or cancelled meanwhile ignores the command, so nothing is
            // ever unscheduled.
            let command = ExpireOrder {
                order_id,
                ticket_id: ticket.id,
            };
            let data = serde_json::to_value(command)
                .map_err(|error| HandlerError::Poison(error.to_string()))?;
            log.scheduler()
                .schedule(
                    ExpireOrder::KIND,
                    &order_id.to_string(),
                    expires_at,
                    commit,
                    data,
                )
                .await?;
        }
    }
    Ok(())
}
