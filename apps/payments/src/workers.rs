//! The workers of the payments service.

use chrono::Utc;
use domain::{
    SettlePayment,
    policies::{self, SETTLEMENT_GRACE},
    workers,
};
use event_streams::{ORDERS, PAYMENTS};
use eventstore::{Commit, DueCommand, HandlerError, Log, Metadata, Subscription, Worker};

use crate::settle::{Settled, Settlement};

const ON_ORDERS: Subscription = Subscription::new(workers::PAYMENTS_ON_ORDERS);
const ON_DUE: Subscription = Subscription::new(workers::PAYMENTS_ON_SETTLEMENT);

/// Starts all workers.
pub(crate) fn start(log: &Log, settlement: &Settlement) -> Vec<Worker> {
    let on_orders = settlement.clone();
    let on_due = settlement.clone();
    vec![
        log.workers().on_commit(ORDERS, ON_ORDERS, move |commit| {
            let settlement = on_orders.clone();
            async move { settle_on_decision(&settlement, &commit).await }
        }),
        runtime::reactions::schedule(
            log,
            PAYMENTS,
            workers::PAYMENTS_ON_PAYMENTS,
            SettlePayment::KIND,
            policies::payments_on_payments,
        ),
        log.workers()
            .on_due(SettlePayment::KIND, ON_DUE, move |due| {
                let settlement = on_due.clone();
                async move { settle_when_due(&settlement, &due).await }
            }),
    ]
}

/// The order was decided: captures or voids the money.
async fn settle_on_decision(settlement: &Settlement, commit: &Commit) -> Result<(), HandlerError> {
    for (_, event) in commit.decode()? {
        if let Some(order_id) = policies::payments_on_orders(&event) {
            let metadata =
                Metadata::caused_by(commit, ON_ORDERS.name, policies::SETTLE, Utc::now());
            // If it is still open, this event is outdated, and newer ones will follow.
            settlement.settle(order_id, &metadata).await?;
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
            match (end + SETTLEMENT_GRACE - Utc::now()).to_std() {
                Ok(wait) if !wait.is_zero() => Err(HandlerError::RetryAfter(wait)),
                // Its time is over but it has not ended: the orders service is down. That is no
                // fault of this payment, so it is retried without counting.
                _ => Err(HandlerError::Unavailable(
                    "the order has not ended yet".to_owned(),
                )),
            }
        }
    }
}
