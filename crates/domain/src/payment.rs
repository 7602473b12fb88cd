//! A payment: the one that an order can have.
//!
//! Money is *held* first, and only when the order accepted it is it *captured*; otherwise it is
//! *voided*. So no crash and no race can keep money for an order that isn't complete.

use chrono::{DateTime, TimeDelta, Utc};
use cqrs_es::{Aggregate, DomainEvent};
use serde::{Deserialize, Serialize};

use crate::{Decide, OrderId, PaymentId, Price, TicketId, UserId, decide::impl_handle_by_decide};

/// The most declined cards within [`DECLINE_WINDOW`] before no other may be tried. It keeps the
/// payment from growing without end, and an order from being used to find out which of many stolen
/// cards are good.
pub const MOST_DECLINES: usize = 10;
/// The time in which a payment's declined cards are counted.
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
    /// The ticket of that order: the id of the aggregate which decides.
    pub ticket_id: TicketId,
    /// Who pays.
    pub buyer: UserId,
    /// How much, in cents.
    pub amount: Price,
    /// The provider's name.
    pub provider: String,
    /// The provider's reference of the one intent on which every card is tried.
    pub reference: String,
    /// Until when its order may be paid.
    pub expires_at: DateTime<Utc>,
    /// Where it stands.
    pub status: PaymentStatus,
    /// When cards were declined, the newest last; no more than are counted.
    declined: Vec<DateTime<Utc>>,
}

/// Where a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaymentStatus {
    /// Begun; no money is held as far as the log knows.
    Pending,
    /// The provider holds the money.
    Authorized,
    /// The money is ours. Final.
    Captured,
    /// The money was given back, or never held, for good. Final.
    Voided,
}

/// What can be asked of a payment.
#[derive(Clone, Debug)]
pub enum PaymentCommand {
    /// Begin to pay an order. Repeating it changes nothing.
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
        /// The provider's name.
        provider: String,
        /// The provider's reference: opened before any money moves, and known ever after.
        reference: String,
        /// Until when the order may be paid.
        expires_at: DateTime<Utc>,
        /// Now.
        at: DateTime<Utc>,
    },
    /// Note that the provider holds the money.
    Authorize,
    /// Note that the provider declined.
    Decline {
        /// Its reason, fit to be shown to the buyer.
        reason: String,
        /// Now.
        at: DateTime<Utc>,
    },
    /// Note that the money was taken.
    Capture,
    /// Note that the money was given back, or will never be held.
    Void,
}

/// What happened to a payment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
        /// The provider's name.
        provider: String,
        /// The provider's reference.
        reference: String,
        /// Until when the order may be paid.
        expires_at: DateTime<Utc>,
        /// When.
        begun_at: DateTime<Utc>,
    },
    /// The provider declined; another card may be tried.
    PaymentDeclined {
        /// The order.
        order_id: OrderId,
        /// The provider's reason.
        reason: String,
        /// When. Absent in events of releases that didn't note it.
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
    /// The money was taken.
    PaymentCaptured {
        /// The order.
        order_id: OrderId,
        /// How much, in cents.
        amount: Price,
    },
    /// The money was given back, or will never be held.
    PaymentVoided {
        /// The order.
        order_id: OrderId,
    },
}

impl DomainEvent for PaymentEvent {
    fn event_type(&self) -> String {
        match self {
            Self::PaymentBegun { .. } => "PaymentBegun",
            Self::PaymentDeclined { .. } => "PaymentDeclined",
            Self::PaymentAuthorized { .. } => "PaymentAuthorized",
            Self::PaymentCaptured { .. } => "PaymentCaptured",
            Self::PaymentVoided { .. } => "PaymentVoided",
        }
        .to_owned()
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
    /// Money can only be taken after it was held.
    #[error("The payment is not authorized")]
    NotAuthorized,
    /// Money that was taken can't be voided.
    #[error("The payment was captured")]
    Captured,
    /// Too many cards were declined lately.
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
    /// Whether another card may be tried at this time. Ask before the provider is asked: the
    /// aggregate can only refuse what it is told of.
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

impl Decide for Payment {
    fn decide(&self, command: PaymentCommand) -> Result<Vec<PaymentEvent>, PaymentError> {
        use PaymentStatus::{Authorized, Captured, Pending, Voided};
        let (command, payment) = match (command, &self.begun) {
            (PaymentCommand::Begin { .. }, Some(_)) => return Ok(Vec::new()),
            (
                PaymentCommand::Begin {
                    id,
                    order_id,
                    ticket_id,
                    buyer,
                    amount,
                    provider,
                    reference,
                    expires_at,
                    at,
                },
                None,
            ) => {
                return Ok(vec![PaymentEvent::PaymentBegun {
                    payment_id: id,
                    order_id,
                    ticket_id,
                    buyer,
                    amount,
                    provider,
                    reference,
                    expires_at,
                    begun_at: at,
                }]);
            }
            (_, None) => return Err(PaymentError::NotFound),
            (command, Some(payment)) => (command, payment),
        };
        let order_id = payment.order_id;
        match (command, payment.status) {
            (PaymentCommand::Begin { .. }, _)
            | (PaymentCommand::Authorize, Authorized | Captured)
            | (PaymentCommand::Decline { .. }, Authorized | Captured | Voided)
            | (PaymentCommand::Capture, Captured)
            | (PaymentCommand::Void, Voided) => Ok(Vec::new()),
            (PaymentCommand::Authorize, Pending) => Ok(vec![PaymentEvent::PaymentAuthorized {
                order_id,
                ticket_id: payment.ticket_id,
            }]),
            // Of many cards tried at once, more may be declined than are counted: those are answered
            // and not noted.
            (PaymentCommand::Decline { at, .. }, Pending) if payment.may_try(at).is_err() => {
                Ok(Vec::new())
            }
            (PaymentCommand::Decline { reason, at }, Pending) => {
                Ok(vec![PaymentEvent::PaymentDeclined {
                    order_id,
                    reason,
                    declined_at: Some(at),
                }])
            }
            (PaymentCommand::Capture, Authorized) => Ok(vec![PaymentEvent::PaymentCaptured {
                order_id,
                amount: payment.amount,
            }]),
            (PaymentCommand::Capture, Pending) => Err(PaymentError::NotAuthorized),
            (PaymentCommand::Void, Pending | Authorized) => {
                Ok(vec![PaymentEvent::PaymentVoided { order_id }])
            }
            (PaymentCommand::Void, Captured) => Err(PaymentError::Captured),
            (PaymentCommand::Authorize | PaymentCommand::Capture, Voided) => {
                Err(PaymentError::Voided)
            }
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
                provider,
                reference,
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
            PaymentEvent::PaymentDeclined { declined_at, .. } => {
                payment.declined.extend(declined_at);
                if payment.declined.len() > MOST_DECLINES {
                    payment.declined.remove(0);
                }
            }
            PaymentEvent::PaymentAuthorized { .. } => payment.status = PaymentStatus::Authorized,
            PaymentEvent::PaymentCaptured { .. } => payment.status = PaymentStatus::Captured,
            PaymentEvent::PaymentVoided { .. } => payment.status = PaymentStatus::Voided,
        }
    }
}
