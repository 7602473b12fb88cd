//! What the payments service does by itself.

use chrono::Utc;
use domain::{SettlePayment, payment::PaymentEvent, ticket_orders::TicketOrdersEvent};
use eventstore::{
    Commit, DueCommand, HandlerError, Log, Metadata, ORDERS, PAYMENTS, Subscription, Worker,
};

use crate::settle::{Settled, Settlement};

const ON_ORDERS: Subscription = Subscription::new("payments-on-orders");
const ON_PAYMENTS: Subscription = Subscription::new("payments-on-payments");
const ON_DUE: Subscription = Subscription::new("payments-on-settlement");
/// How long after its order's end a payment is looked at that was begun and not heard of again.
const GRACE: chrono::Duration = chrono::Duration::seconds(5);

/// Starts all workers.
pub(crate) fn start(log: &Log, settlement: &Settlement) -> Vec<Worker> {
    let on_orders = settlement.clone();
    let on_due = settlement.clone();
    let schedules = log.clone();
    vec![
        log.workers().on_commit(ORDERS, ON_ORDERS, move |commit| {
            let settlement = on_orders.clone();
            async move { settle_on_decision(&settlement, &commit).await }
        }),
        log.workers()
            .on_commit(PAYMENTS, ON_PAYMENTS, move |commit| {
                let log = schedules.clone();
                async move { schedule_settlement(&log, &commit).await }
            }),
        log.workers()
            .on_due(SettlePayment::KIND, ON_DUE, move |due| {
                let settlement = on_due.clone();
                async move { settle_when_due(&settlement, &due).await }
            }),
    ]
}

/// The order decided: take the money or let it go.
async fn settle_on_decision(settlement: &Settlement, commit: &Commit) -> Result<(), HandlerError> {
    for (_, event) in commit.decode()? {
        let order_id = match event {
            TicketOrdersEvent::OrderCompleted { order_id, .. }
            | TicketOrdersEvent::OrderCancelled { order_id, .. }
            | TicketOrdersEvent::PaymentRefused { order_id, .. } => order_id,
            TicketOrdersEvent::OrderPlaced { .. }
            | TicketOrdersEvent::OrderAwaitingPayment { .. }
            | TicketOrdersEvent::SaleClosed { .. } => continue,
        };
        let metadata = Metadata::caused_by(commit, ON_ORDERS.name, "settle", Utc::now());
        // Still open by now means that this is old news, and newer ones are on their way.
        settlement.settle(order_id, &metadata).await?;
    }
    Ok(())
}

/// A payment was begun: look at it after its order's end, whatever becomes of this process. It
/// closes the one gap that events leave: a card authorized by a process that ended before it could
/// write so, for an order that was cancelled before the payment was begun.
async fn schedule_settlement(log: &Log, commit: &Commit) -> Result<(), HandlerError> {
    for (_, event) in commit.decode()? {
        if let PaymentEvent::PaymentBegun {
            payment_id,
            order_id,
            expires_at,
            ..
        } = event
        {
            let data = serde_json::to_value(SettlePayment { order_id })
                .map_err(|error| HandlerError::Poison(error.to_string()))?;
            log.scheduler()
                .schedule(
                    SettlePayment::KIND,
                    &payment_id.to_string(),
                    expires_at + GRACE,
                    commit,
                    data,
                )
                .await?;
        }
    }
    Ok(())
}

async fn settle_when_due(settlement: &Settlement, due: &DueCommand) -> Result<(), HandlerError> {
    let command: SettlePayment = serde_json::from_value(due.data.clone())
        .map_err(|error| HandlerError::Poison(error.to_string()))?;
    let metadata = due.metadata(ON_DUE.name, Utc::now());
    match settlement.settle(command.order_id, &metadata).await? {
        Settled::Yes => Ok(()),
        Settled::NotBefore(end) => {
            match (end + GRACE - Utc::now()).to_std() {
                Ok(wait) if !wait.is_zero() => Err(HandlerError::RetryAfter(wait)),
                // Its time is over and nobody ended it: the orders service is away. That is no
                // fault of this payment, so it is waited for without counting.
                _ => Err(HandlerError::Unavailable(
                    "the order has not ended yet".to_owned(),
                )),
            }
        }
    }
}
