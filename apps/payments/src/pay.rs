//! Pays an order: begins, holds the money, waits for the order's decision.

use chrono::{DateTime, Utc};
use domain::{
    OrderId, PaymentId, TicketId, UserId,
    payment::{BegunPayment, Payment, PaymentCommand, PaymentError, PaymentStatus},
    ticket_orders::{Order, OrderStatus, TicketOrders},
};
use event_streams::ORDERS;
use eventstore::{CommandError, Expectation, Metadata, Store, StoreError};
use projections::{Progress, RemoteProgress};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use uuid::Uuid;

use crate::provider::{Authorization, Intent, PaymentProvider, ProviderError, ProviderRef, Token};

/// Time limit for the order's decision. It takes milliseconds; longer means that the orders service
/// is down, and the workers then complete the payment when it is back.
const DECISION: Duration = Duration::from_secs(5);
/// Limit for intents that one request tries. A closed one is rare; a second one, closed within the
/// same request, means that someone keeps closing them.
const MOST_INTENTS: u32 = 3;
/// Polling interval for the order while no event of it arrives.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Sequence and identity of an order's last commit.
type Place = (u64, Option<Uuid>);

/// Pays orders.
#[derive(Clone)]
pub(crate) struct Checkout {
    pub orders: Store<TicketOrders>,
    pub payments: Store<Payment>,
    pub provider: Arc<dyn PaymentProvider>,
    /// How much of the orders this service has followed; a change is a hint to check again.
    pub orders_progress: Progress,
    /// The position of the orders service's own read model.
    pub read_model_progress: Arc<RemoteProgress>,
}

/// A payment whose order is complete, and the commit that proves it.
pub(crate) struct Paid {
    pub id: PaymentId,
    pub sequence: u64,
    pub commit_id: Option<Uuid>,
}

/// Why an order wasn't paid.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PayError {
    /// The order doesn't exist: 404.
    #[error("Not Found")]
    NotFound,
    /// It belongs to another user: 401.
    #[error("Not authorized")]
    NotOwner,
    /// It was cancelled or expired, before or in the meantime; no money is kept: 400.
    #[error("Cannot pay for a cancelled order")]
    Cancelled,
    /// The card was declined; the order can still be paid: 402.
    #[error("{0}")]
    Declined(String),
    /// Too many cards were declined recently, and no other was tried: 429.
    #[error("Too many cards were declined, please try again later")]
    TooManyDeclines {
        /// When another may be tried.
        until: DateTime<Utc>,
    },
    /// The provider was unreachable, or refused.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The order hasn't decided in time; the workers complete the payment: 503.
    #[error("the order has not decided in time")]
    Undecided,
    /// The log could not be reached.
    #[error(transparent)]
    Failed(#[from] StoreError),
}

impl From<CommandError<PaymentError>> for PayError {
    fn from(error: CommandError<PaymentError>) -> Self {
        match error {
            CommandError::Failed(failure) => Self::Failed(failure),
            CommandError::Refused(refusal) => refusal.into(),
        }
    }
}

impl From<PaymentError> for PayError {
    fn from(refusal: PaymentError) -> Self {
        match refusal {
            PaymentError::TooManyDeclines { until } => Self::TooManyDeclines { until },
            // The payment ended while it was being paid, and it only ends without money when its
            // order is cancelled.
            PaymentError::NotFound
            | PaymentError::Voided
            | PaymentError::Lost
            | PaymentError::NotAuthorized
            | PaymentError::Captured => Self::Cancelled,
            // Its intent was closed in the meantime; the order is as payable as before.
            PaymentError::Superseded => Self::Undecided,
            // The log is damaged, and repeating doesn't help.
            PaymentError::OfAnotherOrder => Self::Failed(StoreError::Rejected(refusal.to_string())),
        }
    }
}

impl Checkout {
    /// Pays an order with a card. Repeating it, with any card, never pays twice.
    pub async fn pay(
        &self,
        buyer: UserId,
        ticket_id: TicketId,
        order_id: OrderId,
        token: &Token,
        metadata: &Metadata,
    ) -> Result<Paid, PayError> {
        let payment_id = PaymentId::of(order_id);
        let (order, place) = self.order(ticket_id, order_id).await?;
        if order.buyer != buyer {
            return Err(PayError::NotOwner);
        }
        match order.status {
            OrderStatus::Cancelled => return Err(PayError::Cancelled),
            OrderStatus::Complete => {
                return Ok(self.shown_as_paid(payment_id, place).await);
            }
            OrderStatus::Created | OrderStatus::AwaitingPayment => {}
        }
        let payment = self.begin(&order, payment_id, metadata).await?;
        match payment.status {
            PaymentStatus::Voided => return Err(PayError::Cancelled),
            // The order decides whether it still depends on lost money.
            PaymentStatus::Authorized | PaymentStatus::Captured | PaymentStatus::Lost => {}
            PaymentStatus::Pending => self.hold(payment, &order, token, metadata).await?,
        }
        let place = self.decision(ticket_id, order_id).await?;
        Ok(self.shown_as_paid(payment_id, place).await)
    }

    /// Records the payment in the log, with the provider's reference, before any money moves.
    async fn begin(
        &self,
        order: &Order,
        payment_id: PaymentId,
        metadata: &Metadata,
    ) -> Result<BegunPayment, PayError> {
        let known = self.payments.load(&payment_id.to_string()).await?;
        if let Some(begun) = known.state().begun() {
            begun.must_be_for(order.id, order.ticket.id)?;
            return Ok(begun.clone());
        }
        let reference = self.provider.open(&intent(order, payment_id, 0)).await?;
        let command = PaymentCommand::Begin {
            id: payment_id,
            order_id: order.id,
            ticket_id: order.ticket.id,
            buyer: order.buyer,
            amount: order.ticket.price,
            currency: order.ticket.currency,
            provider: self.provider.name().to_owned(),
            reference: reference.as_str().to_owned(),
            expires_at: order.expires_at,
            at: metadata.time,
        };
        self.decide(payment_id, command, &step(metadata, "begin"))
            .await
    }

    async fn decide(
        &self,
        id: PaymentId,
        command: PaymentCommand,
        metadata: &Metadata,
    ) -> Result<BegunPayment, PayError> {
        let decided = self
            .payments
            .execute(&id.to_string(), command, metadata, Expectation::Unknown)
            .await?;
        decided.state.begun().cloned().ok_or(PayError::NotFound)
    }

    /// Has the provider hold the money, and records the outcome. If the provider has closed the
    /// intent, tries the same card on a new one.
    async fn hold(
        &self,
        mut payment: BegunPayment,
        order: &Order,
        token: &Token,
        metadata: &Metadata,
    ) -> Result<(), PayError> {
        for _ in 0..MOST_INTENTS {
            if self.hold_once(&payment, token, metadata).await? {
                return Ok(());
            }
            payment = self.reopen(&payment, order, metadata).await?;
            match payment.status {
                PaymentStatus::Pending => {}
                PaymentStatus::Voided => return Err(PayError::Cancelled),
                PaymentStatus::Authorized | PaymentStatus::Captured | PaymentStatus::Lost => {
                    return Ok(());
                }
            }
        }
        // They are being closed as fast as they are opened.
        Err(PayError::Undecided)
    }

    /// Opens a new intent for a payment whose intent is closed, and records it, before any money
    /// moves on it. All concurrent attempts open the same one. The closed one can't hold money any
    /// more, so there is still at most one charge.
    async fn reopen(
        &self,
        payment: &BegunPayment,
        order: &Order,
        metadata: &Metadata,
    ) -> Result<BegunPayment, PayError> {
        let next = intent(order, payment.id, payment.attempt.saturating_add(1));
        let reference = self.provider.open(&next).await?;
        tracing::warn!(
            payment = %payment.id, closed = %payment.reference, %reference,
            "the provider closed the intent of a payment, which goes on under a new one"
        );
        let command = PaymentCommand::Reopen {
            closed: payment.reference.clone(),
            reference: reference.as_str().to_owned(),
            at: Utc::now(),
        };
        let metadata = step(metadata, &format!("reopen {}", next.attempt));
        self.decide(payment.id, command, &metadata).await
    }

    /// Tries the card on the payment's current intent; `false` if that is closed.
    async fn hold_once(
        &self,
        payment: &BegunPayment,
        token: &Token,
        metadata: &Metadata,
    ) -> Result<bool, PayError> {
        payment.may_try(metadata.time)?;
        let reference = ProviderRef::new(payment.reference.clone());
        let attempt = metadata.command_id.to_string();
        match self.provider.authorize(&reference, token, &attempt).await? {
            Authorization::Authorized => {
                let metadata = step(metadata, "authorize");
                let command = PaymentCommand::Authorize {
                    reference: payment.reference.clone(),
                };
                self.decide(payment.id, command, &metadata).await?;
                Ok(true)
            }
            Authorization::Declined { reason } => {
                let metadata = step(metadata, "decline");
                let command = PaymentCommand::Decline {
                    reason: reason.clone(),
                    at: metadata.time,
                };
                self.decide(payment.id, command, &metadata).await?;
                Err(PayError::Declined(reason))
            }
            Authorization::Voided => Ok(false),
        }
    }

    /// Waits until the order has accepted or refused the payment, and returns the place of that
    /// decision. Reads the order's own log, which is the arbiter.
    async fn decision(&self, ticket_id: TicketId, order_id: OrderId) -> Result<Place, PayError> {
        let deadline = Instant::now() + DECISION;
        loop {
            let folded = self.orders_progress.applied().of(ORDERS);
            let (order, place) = self.order(ticket_id, order_id).await?;
            match order.status {
                OrderStatus::Complete => return Ok(place),
                OrderStatus::Cancelled => return Err(PayError::Cancelled),
                OrderStatus::Created | OrderStatus::AwaitingPayment => {}
            }
            if Instant::now() >= deadline {
                return Err(PayError::Undecided);
            }
            self.orders_progress
                .wait_for(ORDERS, folded + 1, POLL_INTERVAL)
                .await;
        }
    }

    async fn order(
        &self,
        ticket_id: TicketId,
        order_id: OrderId,
    ) -> Result<(Order, Place), PayError> {
        let context = self.orders.load(&ticket_id.to_string()).await?;
        let order = context
            .state()
            .order(order_id)
            .cloned()
            .ok_or(PayError::NotFound)?;
        Ok((order, (context.last_sequence(), context.last_commit())))
    }

    /// From the response on, every read of the order must show it as complete. That read model
    /// belongs to the orders service, which announces its position.
    async fn shown_as_paid(&self, id: PaymentId, (sequence, commit_id): Place) -> Paid {
        if !self
            .read_model_progress
            .wait_for(ORDERS, sequence, Duration::from_secs(2))
            .await
        {
            tracing::warn!(sequence, "the orders' read model did not follow in time");
            self.read_model_progress
                .require_globally(ORDERS, sequence)
                .await;
        }
        Paid {
            id,
            sequence,
            commit_id,
        }
    }
}

/// The intent of a payment's attempt: the amount in the currency that the buyer accepted, even if
/// another one is configured by now.
fn intent(order: &Order, payment_id: PaymentId, attempt: u32) -> Intent {
    Intent {
        payment_id: payment_id.0,
        attempt,
        order_id: order.id.0,
        amount_cents: order.ticket.price.cents(),
        currency: order.ticket.currency.as_str().to_owned(),
    }
}

/// The metadata of one step of a payment. One request leads to several commits, and each command
/// has its own ID, the same when the request is repeated.
fn step(metadata: &Metadata, what: &str) -> Metadata {
    Metadata {
        command_id: Uuid::new_v5(&metadata.command_id, what.as_bytes()),
        time: Utc::now(),
        ..metadata.clone()
    }
}
