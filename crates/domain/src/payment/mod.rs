//! A payment: the one that an order can have.
//!
//! Money is *held* first, and only when the order has accepted it is it *captured*; otherwise it is
//! *voided*. So no crash and no race can keep money for an order that isn't complete.
//!
//! A payment has one *intent* at the provider at a time. If the provider closes it before it holds
//! money, the payment is *reopened* under a new one; the closed one can never hold money again, so
//! there is still at most one charge. If the provider closes it when the order depends on the
//! money, the payment is *lost*, and the sale is undone.

mod decide;

use chrono::{DateTime, TimeDelta, Utc};
use cqrs_es::{Aggregate, DomainEvent};
use serde::{Deserialize, Serialize};

use crate::{Currency, OrderId, PaymentId, Price, TicketId, UserId, decide::impl_handle_by_decide};

/// The most declined cards within [`DECLINE_WINDOW`] before no other may be tried. This limits the
/// payment's size, and keeps an order from being used to find out which of many stolen cards are
/// valid.
pub const MOST_DECLINES: usize = 10;
/// The time window in which a payment's declined cards are counted.
pub const DECLINE_WINDOW: TimeDelta = TimeDelta::hours(1);

/// The aggregate; empty until the payment is begun.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Payment {
    begun: Option<BegunPayment>,
}

/// A payment that was begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BegunPayment {
    /// Identity.
    pub id: PaymentId,
    /// The order that it pays.
    pub order_id: OrderId,
    /// The ticket of that order: the ID of the aggregate that decides.
    pub ticket_id: TicketId,
    /// The buyer.
    pub buyer: UserId,
    /// The amount, in cents.
    pub amount: Price,
    /// The currency.
    pub currency: Currency,
    /// The provider's name.
    pub provider: String,
    /// The provider's reference of the one intent on which every card is tried now.
    pub reference: String,
    /// Number of intents that the provider closed before this one.
    pub attempt: u32,
    /// The end of the time for paying its order.
    pub expires_at: DateTime<Utc>,
    /// The status.
    pub status: PaymentStatus,
    /// The times of declined cards, newest last; no more than are counted.
    declined: Vec<DateTime<Utc>>,
}

/// The status of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaymentStatus {
    /// Begun; the log contains no hold.
    Pending,
    /// The provider holds the money.
    Authorized,
    /// The money was captured. Final.
    Captured,
    /// The money was voided, or never held. Final.
    Voided,
    /// The provider held the money, and released it before it was captured. Final.
    Lost,
}

impl PaymentStatus {
    /// Whether the payment has ended.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Captured | Self::Voided | Self::Lost)
    }
}

/// The commands on a payment.
#[derive(Clone, Debug)]
pub enum PaymentCommand {
    /// Begin to pay an order. Repeating it changes nothing; for another order, or for one of
    /// another ticket, it is refused.
    Begin {
        /// Identity.
        id: PaymentId,
        /// The order that it pays.
        order_id: OrderId,
        /// The ticket of that order.
        ticket_id: TicketId,
        /// Who pays.
        buyer: UserId,
        /// How much.
        amount: Price,
        /// In which currency.
        currency: Currency,
        /// The provider's name.
        provider: String,
        /// The provider's reference: opened before any money moves, and recorded from then on.
        reference: String,
        /// The end of the time for paying the order.
        expires_at: DateTime<Utc>,
        /// Now.
        at: DateTime<Utc>,
    },
    /// Continue under a new intent, because the provider closed the previous one, for good.
    /// Repeating it changes nothing; of several that are opened concurrently, the first one
    /// recorded counts.
    Reopen {
        /// The reference of the intent that is closed.
        closed: String,
        /// The reference of the new one.
        reference: String,
        /// Now.
        at: DateTime<Utc>,
    },
    /// Record that the provider holds the money.
    Authorize {
        /// The intent. Money that was held under one that was closed since is gone.
        reference: String,
    },
    /// Record that the provider declined.
    Decline {
        /// Its reason, for the buyer.
        reason: String,
        /// Now.
        at: DateTime<Utc>,
    },
    /// Record that the money was captured.
    Capture,
    /// Record that the money was voided, or will never be held.
    Void {
        /// Under which intent.
        reference: String,
    },
    /// Record that the provider released the money before it was captured.
    Lose,
}

/// The events of a payment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(tag = "type", content = "data")]
pub enum PaymentEvent {
    /// It was begun.
    PaymentBegun {
        /// Identity.
        payment_id: PaymentId,
        /// The order that it pays.
        order_id: OrderId,
        /// The ticket of that order.
        ticket_id: TicketId,
        /// Who pays.
        buyer: UserId,
        /// How much, in cents.
        amount: Price,
        /// In which currency.
        currency: Currency,
        /// The provider's name.
        provider: String,
        /// The provider's reference.
        reference: String,
        /// The end of the time for paying the order.
        expires_at: DateTime<Utc>,
        /// When.
        begun_at: DateTime<Utc>,
    },
    /// The provider closed the intent before it held money; the payment continues under another.
    PaymentReopened {
        /// The order.
        order_id: OrderId,
        /// The provider's reference of the new intent.
        reference: String,
        /// Number of closed intents.
        attempt: u32,
        /// When.
        reopened_at: DateTime<Utc>,
    },
    /// The provider declined; another card may be tried.
    PaymentDeclined {
        /// The order.
        order_id: OrderId,
        /// The provider's reason.
        reason: String,
        /// The time. Absent in events of releases that didn't record it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        declined_at: Option<DateTime<Utc>>,
    },
    /// The provider holds the money.
    PaymentAuthorized {
        /// The order.
        order_id: OrderId,
        /// The ticket of that order.
        ticket_id: TicketId,
    },
    /// The money was captured.
    PaymentCaptured {
        /// The order.
        order_id: OrderId,
        /// How much, in cents.
        amount: Price,
    },
    /// The money was voided, or will never be held.
    PaymentVoided {
        /// The order.
        order_id: OrderId,
    },
    /// The provider released the money on which the order depended: nothing was captured, or will
    /// be.
    PaymentLost {
        /// The order.
        order_id: OrderId,
        /// The ticket of that order.
        ticket_id: TicketId,
        /// The lost amount, in cents.
        amount: Price,
    },
}

impl DomainEvent for PaymentEvent {
    fn event_type(&self) -> String {
        <&str>::from(self).to_owned()
    }
    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

/// Why a payment command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PaymentError {
    /// There is no such payment.
    #[error("Not Found")]
    NotFound,
    /// It was voided; no money can be held under it any more.
    #[error("The payment was voided")]
    Voided,
    /// The provider released the money.
    #[error("The payment was lost")]
    Lost,
    /// It continues under another intent than the one in the command.
    #[error("The payment goes on under another intent")]
    Superseded,
    /// Money can only be captured after it was held.
    #[error("The payment is not authorized")]
    NotAuthorized,
    /// Captured money can't be voided.
    #[error("The payment was captured")]
    Captured,
    /// It pays another order, or one of another ticket: IDs that should differ are the same.
    #[error("The payment is for another order")]
    OfAnotherOrder,
    /// Too many cards were declined recently.
    #[error("Too many cards were declined, please try again later")]
    TooManyDeclines {
        /// When another may be tried.
        until: DateTime<Utc>,
    },
}

impl Payment {
    /// The payment, once it is begun.
    pub fn begun(&self) -> Option<&BegunPayment> {
        self.begun.as_ref()
    }
}

impl BegunPayment {
    /// Checks that it pays this order of this ticket.
    ///
    /// # Errors
    /// [`PaymentError::OfAnotherOrder`].
    pub fn must_be_for(&self, order_id: OrderId, ticket_id: TicketId) -> Result<(), PaymentError> {
        if (self.order_id, self.ticket_id) == (order_id, ticket_id) {
            Ok(())
        } else {
            Err(PaymentError::OfAnotherOrder)
        }
    }

    /// Whether another card may be tried at this time. Check this before the provider is asked: the
    /// aggregate can only refuse what is recorded.
    ///
    /// # Errors
    /// [`PaymentError::TooManyDeclines`].
    pub fn may_try(&self, at: DateTime<Utc>) -> Result<(), PaymentError> {
        match self.declined.iter().rev().nth(MOST_DECLINES - 1) {
            Some(tenth) if *tenth + DECLINE_WINDOW > at => Err(PaymentError::TooManyDeclines {
                until: *tenth + DECLINE_WINDOW,
            }),
            _ => Ok(()),
        }
    }
}

impl Aggregate for Payment {
    const TYPE: &'static str = "payment";
    type Command = PaymentCommand;
    type Event = PaymentEvent;
    type Error = PaymentError;
    impl_handle_by_decide!();

    fn apply(&mut self, event: PaymentEvent) {
        if let PaymentEvent::PaymentBegun {
            payment_id,
            order_id,
            ticket_id,
            buyer,
            amount,
            currency,
            provider,
            reference,
            expires_at,
            ..
        } = event
        {
            self.begun = Some(BegunPayment {
                id: payment_id,
                order_id,
                ticket_id,
                buyer,
                amount,
                currency,
                provider,
                reference,
                attempt: 0,
                expires_at,
                status: PaymentStatus::Pending,
                declined: Vec::new(),
            });
            return;
        }
        let Some(payment) = &mut self.begun else {
            return;
        };
        match event {
            PaymentEvent::PaymentBegun { .. } => {}
            PaymentEvent::PaymentReopened {
                reference, attempt, ..
            } => {
                payment.reference = reference;
                payment.attempt = attempt;
            }
            PaymentEvent::PaymentDeclined { declined_at, .. } => {
                payment.declined.extend(declined_at);
                if payment.declined.len() > MOST_DECLINES {
                    payment.declined.remove(0);
                }
            }
            PaymentEvent::PaymentAuthorized { .. } => payment.status = PaymentStatus::Authorized,
            PaymentEvent::PaymentCaptured { .. } => payment.status = PaymentStatus::Captured,
            PaymentEvent::PaymentVoided { .. } => payment.status = PaymentStatus::Voided,
            PaymentEvent::PaymentLost { .. } => payment.status = PaymentStatus::Lost,
        }
    }
}
