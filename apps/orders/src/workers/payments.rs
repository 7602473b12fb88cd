//! Follows the payments: the order is the arbiter of whether money may be kept.

use chrono::Utc;
use domain::{
    PaymentId,
    payment::PaymentEvent,
    ticket_orders::{TicketOrders, TicketOrdersCommand, TicketOrdersError},
};
use eventstore::{
    CommandError, Commit, Expectation, HandlerError, Log, Metadata, PAYMENTS, Store, Subscription,
    Worker,
};

const SUBSCRIPTION: Subscription = Subscription::new("orders-on-payments");

/// Marks an order as awaiting payment when one is begun, and completes it, or refuses the
/// payment, when the money is held. If that money is lost before it is taken, the sale is undone.
pub(crate) fn start(log: &Log, orders: Store<TicketOrders>) -> Worker {
    log.workers()
        .on_commit(PAYMENTS, SUBSCRIPTION, move |commit| {
            let orders = orders.clone();
            async move { react(&orders, &commit).await }
        })
}

async fn react(orders: &Store<TicketOrders>, commit: &Commit) -> Result<(), HandlerError> {
    for (_, event) in commit.decode()? {
        let (what, ticket_id, command) = match event {
            PaymentEvent::PaymentBegun {
                order_id,
                ticket_id,
                payment_id,
                ..
            } => (
                "await",
                ticket_id,
                TicketOrdersCommand::AwaitPayment {
                    order_id,
                    payment_id,
                },
            ),
            PaymentEvent::PaymentAuthorized {
                order_id,
                ticket_id,
            } => {
                let payment_id = PaymentId::of(order_id);
                (
                    "complete",
                    ticket_id,
                    TicketOrdersCommand::Complete {
                        order_id,
                        payment_id,
                    },
                )
            }
            PaymentEvent::PaymentLost {
                order_id,
                ticket_id,
                ..
            } => (
                "lose",
                ticket_id,
                TicketOrdersCommand::LosePayment { order_id },
            ),
            PaymentEvent::PaymentReopened { .. }
            | PaymentEvent::PaymentDeclined { .. }
            | PaymentEvent::PaymentCaptured { .. }
            | PaymentEvent::PaymentVoided { .. } => continue,
        };
        let metadata = Metadata::caused_by(commit, SUBSCRIPTION.name, what, Utc::now());
        orders
            .execute(
                &ticket_id.to_string(),
                command,
                &metadata,
                Expectation::Unknown,
            )
            .await
            .map_err(|error: CommandError<TicketOrdersError>| match error {
                CommandError::Failed(failure) => failure.into(),
                // Every payment is begun for an order that was read from this log, so a refusal
                // means that the two don't belong together.
                CommandError::Refused(refusal) => HandlerError::Poison(refusal.to_string()),
            })?;
    }
    Ok(())
}
