//! Orders, payments and the provider together, over a network that repeats, delays and reorders.
//!
//! A small model of the services: each message is one step of a worker, which may crash between the
//! provider's answer and the log (the message is then delivered again), and the provider may close
//! an intent at any time. In any order, money is kept in the end if and only if the order is
//! complete.

use cqrs_es::Aggregate;
use domain::{
    Currency, Decide, OrderId, PaymentId,
    payment::{Payment, PaymentCommand, PaymentError, PaymentEvent, PaymentStatus},
    policies,
    ticket::ListingDifference,
    ticket_orders::{OrderStatus, OrderedTicket, TicketOrders, TicketOrdersCommand},
};
use proptest::prelude::*;
use std::collections::BTreeMap;

use crate::order_words::SELLER_OF_ALL;
use crate::support::{at, order, price, ticket_id, title, user};

const AMOUNT: u64 = 2_000;
const HOLD_SECONDS: i64 = 50;

/// The provider's state of one intent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Intent {
    #[default]
    None,
    /// Opened under a reference; no money is held.
    Open,
    Held(u64),
    Captured(u64),
    Voided,
}

/// One step that a process has yet to take.
#[derive(Clone, Debug)]
enum Step {
    /// A buyer requests to hold the ticket.
    Place(OrderId),
    /// A buyer requests to pay.
    Pay(OrderId),
    /// A buyer cancels the order.
    Cancel(OrderId),
    /// The hold of the order is over.
    Expire(OrderId),
    /// The payment was begun: hold the money.
    Authorize(OrderId),
    /// Money was held under this attempt of the payment: record it.
    NoteHeld(OrderId, u32),
    /// The payment's intent is closed at the provider, by hand.
    Close(OrderId),
    /// The orders follow the payment.
    Follow(TicketOrdersCommand),
    /// The order decided: take the money or give it back, then note it.
    Settle(OrderId),
}

/// The random choices of one step.
#[derive(Clone, Debug)]
struct Tick {
    /// The waiting step to take.
    pick: prop::sample::Index,
    /// It is delivered again later.
    again: bool,
    /// The process dies after the provider answered and before the log was written.
    crash: bool,
    /// The time that passes first, in seconds.
    pause: i64,
}

#[derive(Default)]
struct World {
    seconds: i64,
    orders: TicketOrders,
    payments: BTreeMap<OrderId, Payment>,
    provider: BTreeMap<(OrderId, u32), Intent>,
    waiting: Vec<Step>,
}

impl World {
    fn tell_orders(&mut self, command: TicketOrdersCommand) {
        let Ok(events) = self.orders.decide(command) else {
            return;
        };
        for event in events {
            let expires = policies::expiration_on_orders(&event);
            self.waiting
                .extend(expires.map(|due| Step::Expire(due.command.order_id)));
            self.waiting
                .extend(policies::payments_on_orders(&event).map(Step::Settle));
            self.orders.apply(event);
        }
    }

    fn tell_payment(&mut self, id: OrderId, command: PaymentCommand) -> Result<(), PaymentError> {
        let payment = self.payments.entry(id).or_default();
        for event in payment.decide(command)? {
            if matches!(
                event,
                PaymentEvent::PaymentBegun { .. } | PaymentEvent::PaymentReopened { .. }
            ) {
                self.waiting.push(Step::Authorize(id));
            }
            let reaction = policies::orders_on_payments(&event);
            self.waiting
                .extend(reaction.map(|reaction| Step::Follow(reaction.command)));
            payment.apply(event);
        }
        Ok(())
    }

    /// The provider's own rules: each call may be repeated, and a final state stays.
    fn hold(&mut self, id: (OrderId, u32)) -> Intent {
        let intent = self.provider.entry(id).or_default();
        if *intent == Intent::Open {
            *intent = Intent::Held(AMOUNT);
        }
        *intent
    }

    fn open(&mut self, id: (OrderId, u32)) {
        let intent = self.provider.entry(id).or_default();
        if *intent == Intent::None {
            *intent = Intent::Open;
        }
    }

    fn capture(&mut self, id: (OrderId, u32)) -> Intent {
        let intent = self.provider.entry(id).or_default();
        if let Intent::Held(amount) = *intent {
            *intent = Intent::Captured(amount);
        }
        *intent
    }

    fn void(&mut self, id: (OrderId, u32)) {
        let intent = self.provider.entry(id).or_default();
        assert!(!matches!(intent, Intent::Captured(_)), "kept money voided");
        *intent = Intent::Voided;
    }

    /// The current attempt of a payment.
    fn attempt(&self, id: OrderId) -> Option<u32> {
        Some(self.payments.get(&id)?.begun()?.attempt)
    }

    /// Begins to pay an order.
    fn begin(&mut self, order_id: OrderId, crash: bool) {
        // A read of an order that may be outdated by the time the payment begins.
        let Some(order) = self.orders.order(order_id) else {
            return;
        };
        let expires_at = order.expires_at;
        // Here a crash ends the request for good: the buyer may repeat it or not.
        self.open((order_id, 0));
        if !crash {
            self.tell_orders(TicketOrdersCommand::AwaitPayment {
                order_id,
                payment_id: PaymentId::of(order_id),
            });
        }
        let begin = PaymentCommand::Begin {
            id: PaymentId::of(order_id),
            order_id,
            ticket_id: ticket_id(),
            buyer: user(1),
            amount: price(AMOUNT),
            currency: Currency::USD,
            provider: "sandbox".to_owned(),
            reference: reference(order_id, 0),
            expires_at,
            at: at(self.seconds),
        };
        self.tell_payment(order_id, begin).unwrap();
    }

    /// Tries the card on the payment's intent, or reopens the payment if that is closed.
    fn authorize(&mut self, id: OrderId, crash: bool) -> bool {
        let attempt = self.attempt(id).unwrap();
        if self.hold((id, attempt)) != Intent::Voided {
            // The observed hold may be outdated when it is recorded.
            self.waiting.push(Step::NoteHeld(id, attempt));
            return crash;
        }
        self.open((id, attempt + 1));
        if crash {
            return true;
        }
        let reopen = PaymentCommand::Reopen {
            closed: reference(id, attempt),
            reference: reference(id, attempt + 1),
            at: at(self.seconds),
        };
        match self.tell_payment(id, reopen) {
            // Its order is over, and the new intent stays unused.
            Err(PaymentError::Voided | PaymentError::Lost) => {}
            other => other.unwrap(),
        }
        false
    }

    /// Takes one step; returns whether it must be delivered again.
    fn take(&mut self, step: Step, crash: bool) -> bool {
        match step {
            Step::Place(order_id) => self.tell_orders(TicketOrdersCommand::Place {
                order_id,
                buyer: user(1),
                ticket: OrderedTicket {
                    id: ticket_id(),
                    title: title("Opening night"),
                    price: price(AMOUNT),
                    currency: Currency::USD,
                    version: 0,
                },
                seller: user(SELLER_OF_ALL),
                expected_price: None,
                difference: ListingDifference::default(),
                at: at(self.seconds),
                expires_at: at(self.seconds + HOLD_SECONDS),
            }),
            Step::Pay(order_id) => self.begin(order_id, crash),
            Step::Cancel(order_id) => self.tell_orders(TicketOrdersCommand::Cancel {
                order_id,
                by: user(1),
            }),
            Step::Expire(order_id) => {
                let due = self.orders.order(order_id).unwrap().expires_at;
                if at(self.seconds) < due {
                    return true;
                }
                self.tell_orders(TicketOrdersCommand::Expire {
                    order_id,
                    at: at(self.seconds),
                });
            }
            Step::Authorize(id) => return self.authorize(id, crash),
            Step::NoteHeld(id, attempt) => {
                let authorize = PaymentCommand::Authorize {
                    reference: reference(id, attempt),
                };
                match self.tell_payment(id, authorize) {
                    // Voided in the meantime: a new hold must be released.
                    Err(PaymentError::Voided) => self.void((id, attempt)),
                    Err(PaymentError::Superseded | PaymentError::Lost) => {}
                    other => other.unwrap(),
                }
            }
            Step::Close(id) => {
                if let Some(attempt) = self.attempt(id)
                    && let Some(intent) = self.provider.get_mut(&(id, attempt))
                    && matches!(intent, Intent::Open | Intent::Held(_))
                {
                    *intent = Intent::Voided;
                }
            }
            Step::Follow(command) => self.tell_orders(command),
            Step::Settle(id) if self.orders.order(id).unwrap().status == OrderStatus::Complete => {
                let captured = self.capture((id, self.attempt(id).unwrap()));
                if crash {
                    return true;
                }
                let command = match captured {
                    Intent::Captured(_) => PaymentCommand::Capture,
                    _ => PaymentCommand::Lose,
                };
                self.tell_payment(id, command).unwrap();
            }
            Step::Settle(id) => {
                let Some(attempt) = self.attempt(id) else {
                    return false;
                };
                if self.payments[&id].begun().unwrap().status == PaymentStatus::Lost {
                    return false;
                }
                self.void((id, attempt));
                if crash {
                    return true;
                }
                let void = PaymentCommand::Void {
                    reference: reference(id, attempt),
                };
                self.tell_payment(id, void).unwrap();
            }
        }
        false
    }

    /// Delivers everything that waits, while time passes.
    fn settle(&mut self) {
        for _ in 0..1_000 {
            if self.waiting.is_empty() {
                return;
            }
            let step = self.waiting.remove(0);
            if self.take(step.clone(), false) {
                self.seconds += HOLD_SECONDS;
                self.waiting.push(step);
            }
        }
        panic!("{:?} never end", self.waiting);
    }
}

fn reference(order: OrderId, attempt: u32) -> String {
    format!("pi_{order}_{attempt}")
}

fn tick() -> impl Strategy<Value = Tick> {
    (
        any::<prop::sample::Index>(),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
        0..10_i64,
    )
        .prop_map(|(pick, again, crash, pause)| Tick {
            pick,
            again,
            crash,
            pause,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn money_is_kept_only_for_the_complete_order(
        wishes in prop::collection::vec((0..3_u128, 0..5_u8), 1..16),
        ticks in prop::collection::vec(tick(), 0..120),
    ) {
        let mut world = World::default();
        for (n, wish) in wishes {
            let id = order(n);
            world.waiting.push(match wish {
                0 => Step::Place(id),
                1 | 2 => Step::Pay(id),
                3 => Step::Close(id),
                _ => Step::Cancel(id),
            });
            world.waiting.push(Step::Place(id));
        }
        for Tick { pick, again, crash, pause } in ticks {
            if world.waiting.is_empty() {
                break;
            }
            world.seconds += pause;
            let step = world.waiting.swap_remove(pick.index(world.waiting.len()));
            if world.take(step.clone(), crash) || again {
                world.waiting.push(step);
            }
            // Never, not even for a moment, is money kept for an order that isn't complete.
            for ((id, _), intent) in &world.provider {
                if let Intent::Captured(amount) = intent {
                    prop_assert_eq!(*amount, AMOUNT);
                    prop_assert_eq!(
                        world.orders.order(*id).unwrap().status,
                        OrderStatus::Complete
                    );
                }
            }
        }
        world.settle();
        for order in world.orders.orders() {
            prop_assert!(!order.status.is_payable(), "{order:?} is not final");
            let intents = world.provider.iter().filter(|((id, _), _)| *id == order.id);
            let (unused, used): (Vec<_>, Vec<_>) = intents
                .map(|(_, intent)| *intent)
                .partition(|intent| matches!(intent, Intent::None | Intent::Open | Intent::Voided));
            if order.status == OrderStatus::Complete {
                prop_assert_eq!(used, [Intent::Captured(AMOUNT)], "{:?}", unused);
            } else {
                prop_assert_eq!(used, [], "{:?}", unused);
            }
        }
    }
}
