//! Properties that hold after any sequence of commands.

use domain::{
    Currency, Decide, OrderId,
    payment::{Payment, PaymentCommand, PaymentEvent},
    ticket::{Availability, ListingDifference, OrderDecision, Ticket, TicketCommand, TicketEvent},
    ticket_orders::{
        OrderStatus, OrderedTicket, TicketOrders, TicketOrdersCommand, TicketOrdersEvent,
    },
    user::{Role, User, UserCommand, UserEvent},
};
use proptest::{prelude::*, sample::Index};
use std::collections::BTreeMap;

use crate::order_words::{SELLER_OF_ALL, ordered_ticket};
use crate::support::{at, email, order, payment_of, price, state, ticket_id, title, user};

/// Decides, applies, and returns the events; none for a refusal.
fn run<A: Decide>(aggregate: &mut A, command: A::Command) -> Vec<A::Event>
where
    A::Event: Clone,
{
    let events = aggregate.decide(command).unwrap_or_default();
    for event in &events {
        aggregate.apply(event.clone());
    }
    events
}

fn order_command() -> impl Strategy<Value = TicketOrdersCommand> {
    let some_order = || (0..5_u128).prop_map(order);
    let some_user = || (0..3_u128).prop_map(user);
    prop_oneof![
        3 => (some_order(), some_user(), prop::option::of(1_999..2_001_u64), 0..100_i64).prop_map(
            |(order_id, buyer, expected, seconds)| TicketOrdersCommand::Place {
                order_id,
                buyer,
                ticket: OrderedTicket {
                    id: ticket_id(),
                    title: title("Opening night"),
                    price: price(2_000),
                    currency: Currency::USD,
                    version: 0,
                },
                seller: user(SELLER_OF_ALL),
                expected_price: expected.map(price),
                difference: ListingDifference::default(),
                at: at(seconds),
                expires_at: at(seconds + 50),
            }
        ),
        1 => (0..5_u128).prop_map(|n| TicketOrdersCommand::AwaitPayment {
            order_id: order(n),
            payment_id: payment_of(n),
        }),
        1 => (0..5_u128).prop_map(|n| TicketOrdersCommand::Complete {
            order_id: order(n),
            payment_id: payment_of(n),
        }),
        2 => (some_order(), some_user())
            .prop_map(|(order_id, by)| TicketOrdersCommand::Cancel { order_id, by }),
        1 => some_order().prop_map(|order_id| TicketOrdersCommand::LosePayment { order_id }),
        2 => (some_order(), 0..200_i64).prop_map(|(order_id, seconds)| {
            TicketOrdersCommand::Expire { order_id, at: at(seconds) }
        }),
        1 => (0..40_u64).prop_map(|orders_seen| TicketOrdersCommand::Close {
            ticket_id: ticket_id(),
            orders_seen,
        }),
    ]
}

/// The version of the order after an event.
const fn version_of(event: &TicketOrdersEvent) -> Option<u64> {
    match event {
        TicketOrdersEvent::OrderPlaced { .. } => Some(0),
        TicketOrdersEvent::OrderAwaitingPayment { version, .. }
        | TicketOrdersEvent::OrderCompleted { version, .. }
        | TicketOrdersEvent::OrderCancelled { version, .. } => Some(*version),
        TicketOrdersEvent::PaymentRefused { .. } | TicketOrdersEvent::SaleClosed { .. } => None,
    }
}

fn some_intent() -> impl Strategy<Value = String> {
    (1..4_u8).prop_map(|n| format!("pi_{n}"))
}

fn payment_command() -> impl Strategy<Value = PaymentCommand> {
    prop_oneof![
        (1..3_000_u64).prop_map(|cents| PaymentCommand::Begin {
            id: payment_of(1),
            order_id: order(1),
            ticket_id: ticket_id(),
            buyer: user(1),
            amount: price(cents),
            currency: Currency::USD,
            provider: "sandbox".to_owned(),
            reference: "pi_1".to_owned(),
            expires_at: at(900),
            at: at(0),
        }),
        (some_intent(), some_intent()).prop_map(|(closed, reference)| PaymentCommand::Reopen {
            closed,
            reference,
            at: at(5),
        }),
        some_intent().prop_map(|reference| PaymentCommand::Authorize { reference }),
        (0..10_000_i64).prop_map(|seconds| PaymentCommand::Decline {
            reason: "No.".to_owned(),
            at: at(seconds),
        }),
        Just(PaymentCommand::Capture),
        some_intent().prop_map(|reference| PaymentCommand::Void { reference }),
        Just(PaymentCommand::Lose),
    ]
}

fn ticket_command() -> impl Strategy<Value = TicketCommand> {
    prop_oneof![
        1 => (1..5_000_u64).prop_map(|cents| TicketCommand::List {
            id: ticket_id(),
            seller: user(0),
            title: title("Opening night"),
            price: price(cents),
        }),
        2 => (0..2_u128, 1..5_000_u64, any::<bool>()).prop_map(|(by, cents, has_live_order)| {
            TicketCommand::Revise {
                by: user(by),
                title: title("Second night"),
                price: price(cents),
                expected: None,
                has_live_order,
                orders_seen: u64::MAX,
            }
        }),
        3 => (0..3_u128, 0..3_u8, 1..20_u64).prop_map(|(n, kind, orders_version)| {
            TicketCommand::Follow { decision: decision(kind, order(n)), orders_version }
        }),
    ]
}

const fn decision(kind: u8, order: OrderId) -> OrderDecision {
    match kind {
        0 => OrderDecision::Placed(order),
        1 => OrderDecision::Cancelled(order),
        _ => OrderDecision::Completed(order),
    }
}

/// A possible history of a ticket's orders: the decision at each version, from 1 up.
fn orders_history() -> impl Strategy<Value = Vec<OrderDecision>> {
    (0..4_u128, any::<bool>()).prop_map(|(cancelled, then_sold)| {
        let mut history = Vec::new();
        for n in 0..cancelled {
            history.push(OrderDecision::Placed(order(n)));
            history.push(OrderDecision::Cancelled(order(n)));
        }
        history.push(OrderDecision::Placed(order(cancelled)));
        if then_sold {
            history.push(OrderDecision::Completed(order(cancelled)));
        }
        history
    })
}

const fn availability_after(decision: OrderDecision) -> Availability {
    match decision {
        OrderDecision::Placed(order) => Availability::Held(order),
        OrderDecision::Cancelled(_) => Availability::ForSale,
        OrderDecision::Completed(order) => Availability::Sold(order),
        OrderDecision::Closed => Availability::Withdrawn,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn at_most_one_order_of_a_ticket_is_live(
        commands in prop::collection::vec(order_command(), 0..60)
    ) {
        let mut orders = TicketOrders::default();
        for command in commands {
            run(&mut orders, command);
            let live: Vec<_> = orders.orders().iter().filter(|o| o.status.is_live()).collect();
            prop_assert!(live.len() <= 1, "{live:?}");
            prop_assert_eq!(orders.live(), live.first().copied());
        }
    }

    #[test]
    fn a_buyer_places_at_most_60_orders_per_ticket_and_hour(
        steps in prop::collection::vec((0..2_u128, 0..60_i64), 0..300)
    ) {
        let mut orders = TicketOrders::default();
        let (mut now, mut placed) = (0, Vec::new());
        for (n, (buyer, pause)) in steps.into_iter().enumerate() {
            now += pause;
            let (order_id, by) = (order(n as u128), user(buyer));
            let place = TicketOrdersCommand::Place {
                order_id,
                buyer: by,
                ticket: ordered_ticket(),
                seller: user(SELLER_OF_ALL),
                expected_price: None,
                difference: ListingDifference::default(),
                at: at(now),
                expires_at: at(now + 900),
            };
            let lately = |(who, when): &&(u128, i64)| *who == buyer && *when > now - 3_600;
            let room = placed.iter().filter(lately).count() < 60;
            prop_assert_eq!(!run(&mut orders, place).is_empty(), room);
            if room {
                placed.push((buyer, now));
                run(&mut orders, TicketOrdersCommand::Cancel { order_id, by });
            }
        }
    }

    #[test]
    fn paid_and_cancelled_orders_stay_so_while_the_money_exists(
        commands in prop::collection::vec(order_command(), 0..60)
    ) {
        let mut orders = TicketOrders::default();
        let mut settled: BTreeMap<OrderId, OrderStatus> = BTreeMap::new();
        for command in commands {
            let lost = match &command {
                TicketOrdersCommand::LosePayment { order_id } => Some(*order_id),
                _ => None,
            };
            run(&mut orders, command);
            for order in orders.orders() {
                let first = *settled.entry(order.id).or_insert(order.status);
                // Only the loss of its money undoes a sale.
                if first.is_payable() || lost == Some(order.id) {
                    settled.insert(order.id, order.status);
                } else {
                    prop_assert_eq!(order.status, first);
                }
            }
        }
    }

    #[test]
    fn versions_of_an_order_count_up_from_0(
        commands in prop::collection::vec(order_command(), 0..60)
    ) {
        let mut orders = TicketOrders::default();
        let mut next: BTreeMap<OrderId, u64> = BTreeMap::new();
        for command in commands {
            for event in run(&mut orders, command) {
                if let (Some(version), Some(order)) = (version_of(&event), event.order_id()) {
                    let expected = next.entry(order).or_default();
                    prop_assert_eq!(version, *expected, "{:?}", event);
                    *expected += 1;
                }
            }
        }
        for order in orders.orders() {
            prop_assert_eq!(order.version + 1, next[&order.id]);
        }
    }

    #[test]
    fn no_order_expires_before_its_time(
        commands in prop::collection::vec(order_command(), 0..60)
    ) {
        let mut orders = TicketOrders::default();
        for command in commands {
            let asked = match &command {
                TicketOrdersCommand::Expire { order_id, at } => Some((*order_id, *at)),
                _ => None,
            };
            let events = run(&mut orders, command);
            if let Some((id, at)) = asked && !events.is_empty() {
                prop_assert!(at >= orders.order(id).unwrap().expires_at);
            }
        }
    }

    #[test]
    fn a_repeated_command_changes_nothing(
        commands in prop::collection::vec(order_command(), 0..40)
    ) {
        let mut orders = TicketOrders::default();
        for command in commands {
            run(&mut orders, command.clone());
            let before = orders.clone();
            prop_assert_eq!(run(&mut orders, command), vec![]);
            prop_assert_eq!(&orders, &before);
        }
    }

    #[test]
    fn orders_replayed_from_json_are_equal(
        commands in prop::collection::vec(order_command(), 0..60)
    ) {
        let mut orders = TicketOrders::default();
        let mut log = Vec::new();
        for command in commands {
            log.extend(run(&mut orders, command));
        }
        let json = serde_json::to_string(&log).unwrap();
        let read: Vec<TicketOrdersEvent> = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(&read, &log);
        prop_assert_eq!(state::<TicketOrders>(&read), orders.clone());
        let snapshot = serde_json::to_string(&orders).unwrap();
        prop_assert_eq!(serde_json::from_str::<TicketOrders>(&snapshot).unwrap(), orders);
    }

    #[test]
    fn each_change_of_a_role_is_one_event(
        steps in prop::collection::vec((prop::bool::ANY, 0..100_i64), 0..40)
    ) {
        let role = Role::Analyst;
        let mut ada = User::default();
        let mut log = run(&mut ada, UserCommand::Register {
            email: email("ada@example.com"),
            password_hash: "$argon2id$1".to_owned(),
            at: at(0),
        });
        for (granted, seconds) in steps {
            let had = ada.has(role);
            let at = at(seconds);
            let events = run(&mut ada, if granted {
                UserCommand::GrantRole { role, at }
            } else {
                UserCommand::RevokeRole { role, at }
            });
            prop_assert_eq!(ada.has(role), granted);
            prop_assert_eq!(events.len(), usize::from(had != granted));
            log.extend(events);
        }
        let json = serde_json::to_string(&log).unwrap();
        let read: Vec<UserEvent> = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(state::<User>(&read), ada.clone());
        let snapshot = serde_json::to_string(&ada).unwrap();
        prop_assert_eq!(serde_json::from_str::<User>(&snapshot).unwrap(), ada);
    }

    #[test]
    fn money_is_captured_at_most_once_and_never_voided_too(
        commands in prop::collection::vec(payment_command(), 0..30)
    ) {
        let mut payment = Payment::default();
        let mut log = Vec::new();
        for command in commands {
            log.extend(run(&mut payment, command));
        }
        let position = |of: fn(&PaymentEvent) -> bool| log.iter().position(of);
        let count = |of: fn(&PaymentEvent) -> bool| log.iter().filter(|event| of(event)).count();
        let is_captured = |event: &PaymentEvent| matches!(event, PaymentEvent::PaymentCaptured { .. });
        let is_voided = |event: &PaymentEvent| matches!(event, PaymentEvent::PaymentVoided { .. });
        let is_held = |event: &PaymentEvent| matches!(event, PaymentEvent::PaymentAuthorized { .. });
        let is_lost = |event: &PaymentEvent| matches!(event, PaymentEvent::PaymentLost { .. });
        prop_assert!(count(is_captured) + count(is_voided) + count(is_lost) <= 1);
        if let Some(captured) = position(is_captured) {
            prop_assert!(position(is_held).is_some_and(|held| held < captured));
        }
        for event in &log {
            if let PaymentEvent::PaymentCaptured { amount, .. } = event {
                prop_assert_eq!(*amount, payment.begun().unwrap().amount);
            }
        }
        let json = serde_json::to_string(&log).unwrap();
        let read: Vec<PaymentEvent> = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(state::<Payment>(&read), payment);
    }

    #[test]
    fn a_final_payment_stays_as_it_is(
        commands in prop::collection::vec(payment_command(), 0..30)
    ) {
        let mut payment = Payment::default();
        for command in commands {
            let before = payment.clone();
            run(&mut payment, command);
            if let Some(begun) = before.begun()
                && begun.status.is_final()
            {
                prop_assert_eq!(&payment, &before);
            }
        }
    }

    #[test]
    fn the_version_of_a_ticket_counts_its_events_from_0(
        commands in prop::collection::vec(ticket_command(), 0..40)
    ) {
        let mut ticket = Ticket::default();
        let mut log = Vec::new();
        for command in commands {
            log.extend(run(&mut ticket, command));
            if let Some(listing) = ticket.listing() {
                prop_assert_eq!(listing.version + 1, log.len() as u64);
            }
        }
        let json = serde_json::to_string(&log).unwrap();
        let read: Vec<TicketEvent> = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(state::<Ticket>(&read), ticket);
    }

    #[test]
    fn the_newest_news_applies_in_any_order_of_arrival(
        (history, deliveries) in orders_history().prop_flat_map(|history| {
            let all: Vec<usize> = (0..history.len()).collect();
            // Every decision at least once, some repeated, in any order.
            let again = prop::collection::vec(0..history.len(), 0..10);
            again.prop_flat_map(move |again| {
                let history = history.clone();
                Just([all.clone(), again].concat())
                    .prop_shuffle()
                    .prop_map(move |deliveries| (history.clone(), deliveries))
            })
        })
    ) {
        let mut ticket = Ticket::default();
        run(&mut ticket, TicketCommand::List {
            id: ticket_id(),
            seller: user(0),
            title: title("Opening night"),
            price: price(2_000),
        });
        let mut newest = None;
        for index in deliveries {
            run(&mut ticket, TicketCommand::Follow {
                decision: history[index],
                orders_version: index as u64 + 1,
            });
            newest = newest.max(Some(index));
            let listing = ticket.listing().unwrap();
            prop_assert_eq!(
                listing.availability,
                availability_after(history[newest.unwrap()])
            );
        }
        let listing = ticket.listing().unwrap();
        prop_assert_eq!(listing.availability, availability_after(*history.last().unwrap()));
    }

    #[test]
    fn repeated_news_adds_no_event(
        history in orders_history(), picks in prop::collection::vec(any::<Index>(), 1..20)
    ) {
        let mut ticket = Ticket::default();
        run(&mut ticket, TicketCommand::List {
            id: ticket_id(),
            seller: user(0),
            title: title("Opening night"),
            price: price(2_000),
        });
        for pick in picks {
            let index = pick.index(history.len());
            let news = TicketCommand::Follow {
                decision: history[index],
                orders_version: index as u64 + 1,
            };
            run(&mut ticket, news.clone());
            prop_assert_eq!(run(&mut ticket, news), vec![]);
        }
    }
}
