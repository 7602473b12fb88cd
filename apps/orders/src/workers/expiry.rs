//! Expires orders when they are due, and searches for overdue ones as a backstop.

use chrono::Utc;
use domain::{ExpireOrder, OrderId, TicketId, ticket_orders::TicketOrdersError, workers};
use eventstore::{DueCommand, HandlerError, Log, Metadata, Subscription, Worker};
use read_models::orders::{Orders, OverdueOrder};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::commands::{Commands, OrderError};

const SUBSCRIPTION: Subscription = Subscription::new(workers::ORDERS_ON_EXPIRY);
/// Interval of the search for overdue orders.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// Pause after a failed search.
const SWEEP_AGAIN: Duration = Duration::from_millis(250);
/// How long after its time an order may wait for its own command before a sweep expires it.
const GRACE: chrono::Duration = chrono::Duration::milliseconds(500);

/// Expires orders when their command falls due.
pub(crate) fn start(log: &Log, commands: Commands) -> Worker {
    log.workers()
        .on_due(ExpireOrder::KIND, SUBSCRIPTION, move |due| {
            let commands = commands.clone();
            async move { expire(&commands, &due).await }
        })
}

async fn expire(commands: &Commands, due: &DueCommand) -> Result<(), HandlerError> {
    let expiry: ExpireOrder = serde_json::from_value(due.data.clone())
        .map_err(|error| HandlerError::Poison(error.to_string()))?;
    let metadata = due.metadata(SUBSCRIPTION.name, Utc::now());
    match commands
        .expire(expiry.ticket_id, expiry.order_id, &metadata)
        .await
    {
        Ok(()) => Ok(()),
        // The server's clock is ahead of ours; the order decides by the clock with which it was
        // placed.
        Err(OrderError::Refused(TicketOrdersError::NotDue)) => {
            let early = (due.at - Utc::now()).to_std().unwrap_or_default();
            Err(HandlerError::RetryAfter(
                early.max(Duration::from_millis(50)),
            ))
        }
        Err(OrderError::Refused(refusal)) => Err(HandlerError::Poison(refusal.to_string())),
        Err(OrderError::Failed(failure)) => Err(failure.into()),
    }
}

/// Searches for overdue orders at start, and at intervals: a schedule that was never made or was
/// lost with its stream must not hold a ticket forever. The read model only supplies the
/// candidates; each order decides itself.
pub(crate) async fn sweep(commands: Commands, view: Orders, stopping: CancellationToken) {
    loop {
        let pause = match view.overdue(Utc::now() - GRACE).await {
            Ok(overdue) => {
                for order in overdue {
                    expire_overdue(&commands, &order).await;
                }
                SWEEP_EVERY
            }
            // At start the read model may still be catching up; overdue orders should not wait
            // longer.
            Err(error) => {
                tracing::debug!(%error, "could not look for overdue orders");
                SWEEP_AGAIN
            }
        };
        let wait = tokio::time::sleep(pause);
        if stopping.run_until_cancelled(wait).await.is_none() {
            return;
        }
    }
}

async fn expire_overdue(commands: &Commands, overdue: &OverdueOrder) {
    let (order, ticket) = (OrderId(overdue.order), TicketId(overdue.ticket));
    // Its own command ID, the same in every process that sweeps: the order expires once.
    let command_id = Uuid::new_v5(&order.0, workers::ORDERS_SWEEP.as_bytes());
    let metadata = Metadata::of_request(
        command_id,
        command_id.to_string(),
        workers::ORDERS_SWEEP,
        Utc::now(),
    );
    match commands.expire(ticket, order, &metadata).await {
        Ok(()) => tracing::info!(%order, "expired an overdue order"),
        Err(error) => tracing::debug!(%order, %error, "could not expire an overdue order"),
    }
}
