//! Bringing a payment to its end: the money is taken if the order is complete, and let go if not. If
//! it can't be taken because the provider let it go by itself, the payment is lost, and the orders
//! service undoes the sale.

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

/// When to look again at a payment that was reopened while it was being ended.
const AGAIN: Duration = Duration::from_millis(100);

/// Ends payments. Every step may be repeated by any process.
#[derive(Clone)]
pub(crate) struct Settlement {
    pub orders: Store<TicketOrders>,
    pub payments: Store<Payment>,
    pub provider: Arc<dyn PaymentProvider>,
}

/// What the order's state asks for.
pub(crate) enum Settled {
    /// The payment is at its end.
    Yes,
    /// The order is still open; it must be looked at again then.
    NotBefore(DateTime<Utc>),
}

impl Settlement {
    /// Looks at the order and ends its payment accordingly. It doesn't matter which event gave
    /// the occasion: what counts is how the order stands now.
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

    /// The money is gone for good: the intent is closed, and a closed intent takes nothing.
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
        // The provider comes first, also when the log knows of no hold: a card may have been
        // authorized by a process that ended before it could write that down. Once the intent is
        // closed, no late authorization can hold anything on it.
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
            // It was reopened meanwhile: the new intent is the one to end.
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
        // Only a person can tell what happened here; the dead letter brings it to one.
        other => HandlerError::Poison(other.to_string()),
    }
}
