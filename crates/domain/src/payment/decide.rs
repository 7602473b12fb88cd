//! A payment's decision on each command.

use chrono::{DateTime, Utc};

use super::{BegunPayment, Payment, PaymentCommand, PaymentError, PaymentEvent, PaymentStatus};
use crate::Decide;

impl BegunPayment {
    fn reopen(&self, closed: &str, reference: String, at: DateTime<Utc>) -> Vec<PaymentEvent> {
        if closed != self.reference || reference == self.reference {
            return Vec::new();
        }
        vec![PaymentEvent::PaymentReopened {
            order_id: self.order_id,
            reference,
            attempt: self.attempt.saturating_add(1),
            reopened_at: at,
        }]
    }
}

impl Decide for Payment {
    fn decide(&self, command: PaymentCommand) -> Result<Vec<PaymentEvent>, PaymentError> {
        use PaymentStatus::{Authorized, Captured, Lost, Pending, Voided};
        let Some(payment) = &self.begun else {
            return begin(command);
        };
        let order_id = payment.order_id;
        match (command, payment.status) {
            (
                PaymentCommand::Begin {
                    order_id,
                    ticket_id,
                    ..
                },
                _,
            ) => payment
                .must_be_for(order_id, ticket_id)
                .map(|()| Vec::new()),
            (
                PaymentCommand::Reopen { .. } | PaymentCommand::Authorize { .. },
                Authorized | Captured,
            )
            | (PaymentCommand::Decline { .. }, Authorized | Captured | Voided | Lost)
            | (PaymentCommand::Capture, Captured)
            | (PaymentCommand::Void { .. } | PaymentCommand::Lose, Voided | Lost) => Ok(Vec::new()),
            (
                PaymentCommand::Reopen {
                    closed,
                    reference,
                    at,
                },
                Pending,
            ) => Ok(payment.reopen(&closed, reference, at)),
            // A hold that one process saw may be closed by now, and another process have reopened
            // the payment.
            (PaymentCommand::Authorize { reference }, Pending)
                if reference != payment.reference =>
            {
                Err(PaymentError::Superseded)
            }
            (PaymentCommand::Void { reference }, Pending | Authorized)
                if reference != payment.reference =>
            {
                Err(PaymentError::Superseded)
            }
            (PaymentCommand::Authorize { .. }, Pending) => {
                Ok(vec![PaymentEvent::PaymentAuthorized {
                    order_id,
                    ticket_id: payment.ticket_id,
                }])
            }
            // Of many cards tried at once, more may be declined than are counted: those are
            // answered and not recorded.
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
            (PaymentCommand::Capture | PaymentCommand::Lose, Pending) => {
                Err(PaymentError::NotAuthorized)
            }
            (PaymentCommand::Void { .. }, Pending | Authorized) => {
                Ok(vec![PaymentEvent::PaymentVoided { order_id }])
            }
            (PaymentCommand::Lose, Authorized) => Ok(vec![PaymentEvent::PaymentLost {
                order_id,
                ticket_id: payment.ticket_id,
                amount: payment.amount,
            }]),
            (PaymentCommand::Void { .. } | PaymentCommand::Lose, Captured) => {
                Err(PaymentError::Captured)
            }
            (
                PaymentCommand::Reopen { .. }
                | PaymentCommand::Authorize { .. }
                | PaymentCommand::Capture,
                Voided,
            ) => Err(PaymentError::Voided),
            (
                PaymentCommand::Reopen { .. }
                | PaymentCommand::Authorize { .. }
                | PaymentCommand::Capture,
                Lost,
            ) => Err(PaymentError::Lost),
        }
    }
}

/// A payment that isn't begun can only be begun.
fn begin(command: PaymentCommand) -> Result<Vec<PaymentEvent>, PaymentError> {
    let PaymentCommand::Begin {
        id,
        order_id,
        ticket_id,
        buyer,
        amount,
        currency,
        provider,
        reference,
        expires_at,
        at,
    } = command
    else {
        return Err(PaymentError::NotFound);
    };
    Ok(vec![PaymentEvent::PaymentBegun {
        payment_id: id,
        order_id,
        ticket_id,
        buyer,
        amount,
        currency,
        provider,
        reference,
        expires_at,
        begun_at: at,
    }])
}
