//! Ends a payment: captures the money if the order is complete, and voids it if not. If it can't be
//! captured because the provider lost the hold, the payment is lost, and the orders service undoes
//! the sale.

use chrono::{DateTime, Utc};
use domain::{
    OrderId, PaymentId,
    payment::{BegunPayment, Payment, PaymentCommand, PaymentError, PaymentStatus},
    ticket_orders::{OrderStatus, TicketOrders},
};
use eventstore::{CommandError, Expectation, HandlerError, Metadata, Store};
use metrics::counter;
use std::{sync::Arc, time::Duration};

use crate::provider::{PaymentProvider, ProviderError, ProviderRef};

/// When to retry a payment that was reopened while it was being ended.
const AGAIN: Duration = Duration::from_millis(100);

/// Ends payments. Every step may be repeated by any process.
#[derive(Clone)]
pub(crate) struct Settlement {
    pub orders: Store<TicketOrders>,
    pub payments: Store<Payment>,
    pub provider: Arc<dyn PaymentProvider>,
}

/// The result of settling a payment.
pub(crate) enum Settled {
    /// The payment has ended.
    Yes,
    /// The order is still open; check again at this time.
    NotBefore(DateTime<Utc>),
}

impl Settlement {
    /// Reads the order and ends its payment accordingly. It doesn't matter which event triggered
    /// this: only the current state of the order counts.
    pub async fn settle(
        &self,
        order_id: OrderId,
        metadata: &Metadata,
    ) -> Result<Settled, HandlerError> {
        let id = PaymentId::of(order_id).to_string();
        let payment = self.payments.load(&id).await?;
        let Some(payment) = payment.state().begun() else {
            return Ok(Settled::Yes); // Nobody tried to pay.
        };
        let orders = self.orders.load(&payment.ticket_id.to_string()).await?;
        let order = orders.state().order(order_id).ok_or_else(|| {
            HandlerError::Poison(format!(
                "payment {id} is for order {order_id}, which isn't in the log"
            ))
        })?;
        match (order.status, payment.status) {
            (_, PaymentStatus::Captured | PaymentStatus::Voided | PaymentStatus::Lost) => {
                Ok(Settled::Yes)
            }
            (OrderStatus::Complete, _) => self.capture(&id, payment, metadata).await,
            (OrderStatus::Cancelled, _) => self.void(&id, payment, metadata).await,
            (OrderStatus::Created | OrderStatus::AwaitingPayment, _) => {
                Ok(Settled::NotBefore(order.expires_at))
            }
        }
    }

    async fn capture(
        &self,
        id: &str,
        payment: &BegunPayment,
        metadata: &Metadata,
    ) -> Result<Settled, HandlerError> {
        let reference = ProviderRef::new(payment.reference.clone());
        match self.provider.capture(&reference).await {
            Ok(()) => self.note(id, PaymentCommand::Capture, metadata).await,
            Err(ProviderError::AlreadyVoided) => self.lose(id, payment, metadata).await,
            // Closed first, so that nothing can be held on it after the sale was undone.
            Err(ProviderError::NothingHeld) => {
                self.provider.void(&reference).await.map_err(failed)?;
                self.lose(id, payment, metadata).await
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// The money is lost for good: the intent is closed, and a closed intent captures nothing.
    async fn lose(
        &self,
        id: &str,
        payment: &BegunPayment,
        metadata: &Metadata,
    ) -> Result<Settled, HandlerError> {
        tracing::error!(
            payment = id, order = %payment.order_id, reference = %payment.reference,
            amount = %payment.amount, currency = %payment.currency,
            "the provider let the money of a complete order go, and its sale is undone"
        );
        counter!("payments_lost_total").increment(1);
        self.note(id, PaymentCommand::Lose, metadata).await
    }

    async fn void(
        &self,
        id: &str,
        payment: &BegunPayment,
        metadata: &Metadata,
    ) -> Result<Settled, HandlerError> {
        // The provider comes first, even when the log contains no hold: a process may have
        // authorized a card and ended before it could record that. Once the intent is closed, no
        // late authorization can hold anything on it.
        let reference = ProviderRef::new(payment.reference.clone());
        self.provider.void(&reference).await.map_err(failed)?;
        let command = PaymentCommand::Void {
            reference: payment.reference.clone(),
        };
        self.note(id, command, metadata).await
    }

    async fn note(
        &self,
        id: &str,
        command: PaymentCommand,
        metadata: &Metadata,
    ) -> Result<Settled, HandlerError> {
        match self
            .payments
            .execute(id, command, metadata, Expectation::Unknown)
            .await
        {
            Ok(_) => Ok(Settled::Yes),
            Err(CommandError::Failed(failure)) => Err(failure.into()),
            // It was reopened in the meantime: the new intent is the one to end.
            Err(CommandError::Refused(PaymentError::Superseded)) => {
                Err(HandlerError::RetryAfter(AGAIN))
            }
            Err(CommandError::Refused(
                refusal @ (PaymentError::NotFound
                | PaymentError::NotAuthorized
                | PaymentError::Voided
                | PaymentError::Lost
                | PaymentError::Captured
                | PaymentError::OfAnotherOrder
                | PaymentError::TooManyDeclines { .. }),
            )) => Err(HandlerError::Poison(refusal.to_string())),
        }
    }
}

fn failed(error: ProviderError) -> HandlerError {
    match error {
        ProviderError::Unreachable { .. } => HandlerError::Unavailable(error.to_string()),
        // Only a person can find out what happened here; the dead letter reports it.
        other => HandlerError::Poison(other.to_string()),
    }
}
