//! A sale's money: cards are tried, held, taken and let go.

use chrono::{DateTime, Utc};
use domain::{
    OrderId, PaymentId,
    payment::{Payment, PaymentCommand, PaymentEvent, PaymentStatus},
    ticket_orders::OrderStatus,
};
use eventstore::PAYMENTS;

use super::{Heard, SaleStep};
use crate::{
    Season, SeasonError,
    lot::Lot,
    record::{Cause, Kept, Origin},
};

/// What providers say of a card, and how often.
const REASONS: [(&str, u64); 3] = [
    ("Your card was declined.", 55),
    ("Your card has insufficient funds.", 35),
    ("Your card has expired.", 10),
];
/// Who holds the money of these payments: no provider that exists.
const PROVIDER: &str = "season";

impl Season {
    /// A buyer sends a card.
    pub(super) fn pay(
        &mut self,
        now: DateTime<Utc>,
        number: usize,
        order_id: OrderId,
        tries: u32,
    ) -> Result<(), SeasonError> {
        let Some(lot) = self.lots.get(number) else {
            return Ok(());
        };
        let Some(order) = lot.orders.state.order(order_id) else {
            return Ok(());
        };
        if !order.status.is_payable() {
            self.record.tally.refused += 1;
            return Ok(());
        }
        let origin = Origin::request(&mut self.dice, order.buyer);
        let id = PaymentId::of(order_id);
        let command = PaymentCommand::Begin {
            id,
            order_id,
            ticket_id: lot.id,
            buyer: order.buyer,
            amount: order.ticket.price,
            currency: order.ticket.currency,
            provider: PROVIDER.to_owned(),
            reference: reference(order_id),
            expires_at: order.expires_at,
            at: now,
        };
        lot.payments.entry(order_id).or_default();
        let begun = origin.step("begin");
        self.note(now, number, order_id, (command, &begun))?;
        let declined = self.dice.percent(if tries == 0 { 9 } else { 30 });
        let at = now + self.dice.millis(350, 1_900);
        let step = SaleStep::Answered {
            order: order_id,
            origin,
            declined,
            tries,
        };
        self.later(at, number, step);
        Ok(())
    }

    /// The provider says what it thinks of the card.
    pub(super) fn answered(
        &mut self,
        now: DateTime<Utc>,
        number: usize,
        order: OrderId,
        (origin, declined, tries): (&Origin, bool, u32),
    ) -> Result<(), SeasonError> {
        if !declined {
            let origin = origin.step("authorize");
            let command = PaymentCommand::Authorize {
                reference: reference(order),
            };
            return self.note(now, number, order, (command, &origin));
        }
        let mut roll = self.dice.below(100);
        let reason = REASONS.iter().find(|(_, share)| {
            let hit = roll < *share;
            roll = roll.saturating_sub(*share);
            hit
        });
        let reason = reason.map_or(REASONS[0].0, |(text, _)| text).to_owned();
        let command = PaymentCommand::Decline { reason, at: now };
        self.note(now, number, order, (command, &origin.step("decline")))?;
        if tries < 4 && self.dice.percent(78) {
            let at = now + self.dice.seconds(15, 120);
            self.later(at, number, SaleStep::Pay(order, tries + 1));
        }
        Ok(())
    }

    /// Lets a payment decide, and tells its order.
    fn note(
        &mut self,
        now: DateTime<Utc>,
        number: usize,
        order: OrderId,
        (command, origin): (PaymentCommand, &Origin),
    ) -> Result<(), SeasonError> {
        let Some(payment) = self
            .lots
            .get(number)
            .and_then(|lot| lot.payments.get_mut(&order))
        else {
            return Ok(());
        };
        let place = (PAYMENTS, PaymentId::of(order).0);
        let decided = (origin, now, &mut self.dice);
        let Some(done) = self
            .record
            .execute::<Payment>(place, payment, command, decided)?
        else {
            return Ok(());
        };
        for (_, event) in done.events {
            let what = match event {
                PaymentEvent::PaymentBegun { .. } => Heard::Begun,
                PaymentEvent::PaymentAuthorized { .. } => Heard::Authorized,
                PaymentEvent::PaymentDeclined { .. }
                | PaymentEvent::PaymentReopened { .. }
                | PaymentEvent::PaymentLost { .. }
                | PaymentEvent::PaymentCaptured { .. }
                | PaymentEvent::PaymentVoided { .. } => continue,
            };
            let at = now + self.reaction();
            let hear = SaleStep::Hear {
                order,
                what,
                cause: done.cause.clone(),
            };
            self.later(at, number, hear);
        }
        Ok(())
    }

    /// Takes the money of a complete order, and lets go that of one that is over.
    pub(super) fn settle(
        &mut self,
        now: DateTime<Utc>,
        number: usize,
        order: OrderId,
        cause: &Cause,
    ) -> Result<(), SeasonError> {
        let Some((order_status, payment_status)) =
            self.lots.get(number).and_then(|lot| standing(lot, order))
        else {
            return Ok(());
        };
        let command = match order_status {
            OrderStatus::Complete => PaymentCommand::Capture,
            OrderStatus::Cancelled => PaymentCommand::Void {
                reference: reference(order),
            },
            OrderStatus::Created | OrderStatus::AwaitingPayment => return Ok(()),
        };
        if !is_final(payment_status) {
            let origin = Origin::reaction(cause, "payments-on-orders", "settle");
            self.note(now, number, order, (command, &origin))?;
        }
        self.forget_if_over(number);
        Ok(())
    }
}

/// The provider's name for a payment.
fn reference(order: OrderId) -> String {
    format!("season_{}", PaymentId::of(order).0.simple())
}

/// Whether nothing will come of a payment any more.
pub(super) fn is_over(payment: &Kept<Payment>) -> bool {
    payment
        .state
        .begun()
        .is_none_or(|begun| is_final(begun.status))
}

pub(super) fn is_final(status: PaymentStatus) -> bool {
    status.is_final()
}

fn standing(lot: &Lot, order: OrderId) -> Option<(OrderStatus, PaymentStatus)> {
    let payment = lot.payments.get(&order)?.state.begun()?.status;
    Some((lot.orders.state.order(order)?.status, payment))
}
