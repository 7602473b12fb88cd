//! One sale: ordered, paid, given back or forgotten, and what the workers make of it.

mod money;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Currency, OrderId, PaymentId, Price, UserId,
    ticket::{Difference, OrderDecision, TicketCommand},
    ticket_orders::{OrderedTicket, TicketOrdersCommand, TicketOrdersEvent},
};
use eventstore::{ORDERS, TICKETS};
use uuid::Uuid;

use crate::{
    HOLD, Season, SeasonError,
    market::Act,
    record::{Cause, Done, Origin},
};

/// A step of a sale.
#[derive(Debug)]
pub(crate) enum SaleStep {
    /// A buyer orders at the price that was seen.
    Order { buyer: UserId, seen: Price },
    /// The buyer gives the order back.
    GiveBack(OrderId),
    /// The order's time is up.
    Expire(OrderId, Cause),
    /// The buyer sends a card.
    Pay(OrderId, u32),
    /// The provider answered.
    Answered {
        order: OrderId,
        origin: Origin,
        declined: bool,
        tries: u32,
    },
    /// The ticket hears of its orders.
    Follow {
        decision: OrderDecision,
        version: u64,
        cause: Cause,
    },
    /// The order hears of its payment.
    Hear {
        order: OrderId,
        what: Heard,
        cause: Cause,
    },
    /// The payment hears that the order decided.
    Settle(OrderId, Cause),
}

/// What an order hears of its payment.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Heard {
    Begun,
    Authorized,
}

impl Season {
    pub(crate) fn sell(
        &mut self,
        now: DateTime<Utc>,
        number: usize,
        step: SaleStep,
    ) -> Result<(), SeasonError> {
        match step {
            SaleStep::Order { buyer, seen } => self.order(now, number, buyer, seen),
            SaleStep::GiveBack(order) => {
                let Some(by) = self.buyer_of(number, order) else {
                    return Ok(());
                };
                let origin = Origin::request(&mut self.dice, by);
                let command = TicketOrdersCommand::Cancel {
                    order_id: order,
                    by,
                };
                self.decide(now, number, command, &origin)
            }
            SaleStep::Expire(order_id, cause) => {
                let what = order_id.to_string();
                let origin = Origin::reaction(&cause, "orders-on-expiry", &what);
                let command = TicketOrdersCommand::Expire { order_id, at: now };
                self.decide(now, number, command, &origin)
            }
            SaleStep::Hear {
                order: order_id,
                what,
                cause,
            } => {
                let payment_id = PaymentId::of(order_id);
                let (name, command) = match what {
                    Heard::Begun => (
                        "await",
                        TicketOrdersCommand::AwaitPayment {
                            order_id,
                            payment_id,
                        },
                    ),
                    Heard::Authorized => (
                        "complete",
                        TicketOrdersCommand::Complete {
                            order_id,
                            payment_id,
                        },
                    ),
                };
                let origin = Origin::reaction(&cause, "orders-on-payments", name);
                self.decide(now, number, command, &origin)
            }
            SaleStep::Follow {
                decision,
                version,
                cause,
            } => self.follow(now, number, decision, version, &cause),
            SaleStep::Pay(order, tries) => self.pay(now, number, order, tries),
            SaleStep::Answered {
                order,
                origin,
                declined,
                tries,
            } => self.answered(now, number, order, (&origin, declined, tries)),
            SaleStep::Settle(order, cause) => self.settle(now, number, order, &cause),
        }
    }

    fn later(&mut self, at: DateTime<Utc>, lot: usize, step: SaleStep) {
        self.agenda.note(at, Act::Sale(lot, step));
    }

    /// How long a worker takes to react.
    fn reaction(&mut self) -> TimeDelta {
        self.dice.millis(2, 40)
    }

    fn buyer_of(&mut self, number: usize, order: OrderId) -> Option<UserId> {
        let lot = self.lots.get(number)?;
        Some(lot.orders.state.order(order)?.buyer)
    }

    fn order(
        &mut self,
        now: DateTime<Utc>,
        number: usize,
        buyer: UserId,
        seen: Price,
    ) -> Result<(), SeasonError> {
        let Some(lot) = self.lots.get(number) else {
            // Sold meanwhile. Some look for another.
            self.record.tally.refused += 1;
            if self.dice.percent(40) {
                self.agenda
                    .note(now + TimeDelta::seconds(5), Act::Look(buyer));
            }
            return Ok(());
        };
        let Some(listing) = lot.ticket.state.listing() else {
            return Ok(());
        };
        let ticket = OrderedTicket {
            id: lot.id,
            title: listing.title.clone(),
            price: listing.price,
            currency: Currency::USD,
            version: listing.version,
        };
        let origin = Origin::request(&mut self.dice, buyer);
        let command = TicketOrdersCommand::Place {
            order_id: OrderId(Uuid::new_v5(&origin.command, b"order")),
            buyer,
            ticket,
            seller: listing.seller,
            expected_price: Some(seen),
            difference: Difference::default(),
            at: now,
            expires_at: now + HOLD,
        };
        self.decide(now, number, command, &origin)
    }

    /// Lets a ticket's orders decide, and notes what follows from it.
    fn decide(
        &mut self,
        now: DateTime<Utc>,
        number: usize,
        command: TicketOrdersCommand,
        origin: &Origin,
    ) -> Result<(), SeasonError> {
        let Some(lot) = self.lots.get(number) else {
            return Ok(());
        };
        let place = (ORDERS, lot.id.0);
        let decided = (origin, now, &mut self.dice);
        let Some(done) = self
            .record
            .execute(place, &mut lot.orders, command, decided)?
        else {
            return Ok(());
        };
        let Done { cause, events } = done;
        for (version, event) in events {
            self.after(now, number, (version, &event), &cause);
        }
        Ok(())
    }

    fn after(
        &mut self,
        now: DateTime<Utc>,
        number: usize,
        (version, event): (u64, &TicketOrdersEvent),
        cause: &Cause,
    ) {
        let decision = match *event {
            TicketOrdersEvent::OrderPlaced {
                order_id,
                expires_at,
                ..
            } => {
                let late = self.dice.millis(5, 90);
                let step = SaleStep::Expire(order_id, cause.clone());
                self.later(expires_at + late, number, step);
                self.make_up_mind(now, number, order_id);
                OrderDecision::Placed(order_id)
            }
            TicketOrdersEvent::OrderCompleted { order_id, .. } => {
                OrderDecision::Completed(order_id)
            }
            TicketOrdersEvent::OrderCancelled { order_id, .. } => {
                OrderDecision::Cancelled(order_id)
            }
            TicketOrdersEvent::PaymentRefused { order_id, .. } => {
                let at = now + self.dice.millis(40, 600);
                self.later(at, number, SaleStep::Settle(order_id, cause.clone()));
                return;
            }
            TicketOrdersEvent::OrderAwaitingPayment { .. }
            | TicketOrdersEvent::SaleClosed { .. } => return,
        };
        let at = now + self.reaction();
        let follow = SaleStep::Follow {
            decision,
            version,
            cause: cause.clone(),
        };
        self.later(at, number, follow);
        if let OrderDecision::Completed(order) | OrderDecision::Cancelled(order) = decision {
            // The provider is asked on the way.
            let at = now + self.dice.millis(60, 1_500);
            self.later(at, number, SaleStep::Settle(order, cause.clone()));
        }
    }

    /// What the buyer will do with the order.
    fn make_up_mind(&mut self, now: DateTime<Utc>, number: usize, order: OrderId) {
        let step = match self.dice.below(1_000) {
            0..=729 => (now + self.dice.seconds(12, 600), SaleStep::Pay(order, 0)),
            // In the last seconds: the answer may come too late.
            730..=759 => (
                now + HOLD - self.dice.millis(0, 4_000),
                SaleStep::Pay(order, 0),
            ),
            760..=829 => (now + self.dice.seconds(8, 840), SaleStep::GiveBack(order)),
            _ => return,
        };
        self.later(step.0, number, step.1);
    }

    fn follow(
        &mut self,
        now: DateTime<Utc>,
        number: usize,
        decision: OrderDecision,
        version: u64,
        cause: &Cause,
    ) -> Result<(), SeasonError> {
        let Some(lot) = self.lots.get(number) else {
            return Ok(());
        };
        let origin = Origin::reaction(cause, "tickets-on-orders", &version.to_string());
        let command = TicketCommand::Follow {
            decision,
            orders_version: version,
        };
        let (place, decided) = ((TICKETS, lot.id.0), (&origin, now, &mut self.dice));
        self.record
            .execute(place, &mut lot.ticket, command, decided)?;
        match decision {
            OrderDecision::Placed(_) => self.lots.hide(number),
            OrderDecision::Cancelled(_) => self.lots.show(number),
            OrderDecision::Completed(_) | OrderDecision::Closed => {}
        }
        self.forget_if_over(number);
        Ok(())
    }

    /// A ticket that knows that it is sold, and whose payments are over, has no future.
    fn forget_if_over(&mut self, number: usize) {
        let Some(lot) = self.lots.get(number) else {
            return;
        };
        let listing = lot.ticket.state.listing();
        let sold = listing.is_some_and(|listing| {
            matches!(listing.availability, domain::ticket::Availability::Sold(_))
        });
        if sold && lot.payments.values().all(money::is_over) {
            self.lots.forget(number);
        }
    }
}
