//! The events as other services, analysts and old logs read them.
//!
//! A changed snapshot here is a changed published language: raise the event's version and read the
//! old form with an upcaster, instead of accepting the difference.

use cqrs_es::DomainEvent;
use domain::{
    UserId,
    payment::PaymentEvent,
    ticket::TicketEvent,
    ticket_orders::{CancelReason, OrderedTicket, TicketOrdersEvent},
    user::{Role, UserEvent},
};
use serde_json::{Value, json};

use crate::support::{at, email, order, payment_of, price, ticket_id, title, user};

/// Type, schema version and JSON of each event, after checking that each is read back unchanged.
fn language<E: DomainEvent>(events: &[E]) -> Vec<Value> {
    let mut types: Vec<String> = events.iter().map(DomainEvent::event_type).collect();
    let written = events
        .iter()
        .map(|event| {
            let json = serde_json::to_value(event).unwrap();
            assert_eq!(&serde_json::from_value::<E>(json.clone()).unwrap(), event);
            assert_eq!(json["type"], event.event_type());
            json!({"type": event.event_type(), "version": event.event_version(), "json": json})
        })
        .collect();
    types.dedup();
    assert_eq!(types.len(), events.len(), "each type once: {types:?}");
    written
}

fn user_events() -> Vec<UserEvent> {
    let event = UserEvent::UserRegistered {
        user_id: UserId::of(&email("ada@example.com")),
        email: email("ada@example.com"),
        password_hash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".to_owned(),
        registered_at: at(0),
    };
    // Here and below: an added variant must be added to the list too, or this doesn't compile.
    match event {
        UserEvent::UserRegistered { .. }
        | UserEvent::RoleGranted { .. }
        | UserEvent::RoleRevoked { .. } => vec![
            event,
            UserEvent::RoleGranted {
                role: Role::Analyst,
                granted_at: at(5),
            },
            UserEvent::RoleRevoked {
                role: Role::Analyst,
                revoked_at: at(9),
            },
        ],
    }
}

pub fn ticket_events() -> Vec<TicketEvent> {
    let listed = TicketEvent::TicketListed {
        ticket_id: ticket_id(),
        seller: user(1),
        title: title("Opening night"),
        price: price(1_999),
    };
    match listed {
        TicketEvent::TicketListed { .. }
        | TicketEvent::TicketRevised { .. }
        | TicketEvent::TicketReserved { .. }
        | TicketEvent::TicketReleased { .. }
        | TicketEvent::TicketSold { .. }
        | TicketEvent::WithdrawalRequested { .. }
        | TicketEvent::TicketWithdrawn { .. } => vec![
            listed,
            TicketEvent::TicketRevised {
                title: title("Second night"),
                price: price(2_000),
            },
            TicketEvent::TicketReserved {
                order_id: order(1),
                orders_version: 1,
            },
            TicketEvent::TicketReleased {
                order_id: order(1),
                orders_version: 2,
            },
            TicketEvent::TicketSold {
                order_id: order(2),
                orders_version: 4,
            },
            TicketEvent::WithdrawalRequested { orders_seen: 2 },
            TicketEvent::TicketWithdrawn { orders_version: 2 },
        ],
    }
}

pub fn order_events() -> Vec<TicketOrdersEvent> {
    let placed = TicketOrdersEvent::OrderPlaced {
        order_id: order(1),
        buyer: user(2),
        ticket: OrderedTicket {
            id: ticket_id(),
            title: title("Opening night"),
            price: price(1_999),
            currency: domain::Currency::USD,
            version: 3,
        },
        placed_at: at(0),
        expires_at: at(900),
    };
    match placed {
        TicketOrdersEvent::OrderPlaced { .. }
        | TicketOrdersEvent::OrderAwaitingPayment { .. }
        | TicketOrdersEvent::OrderCompleted { .. }
        | TicketOrdersEvent::OrderCancelled { .. }
        | TicketOrdersEvent::PaymentRefused { .. }
        | TicketOrdersEvent::SaleClosed { .. } => vec![
            placed,
            TicketOrdersEvent::OrderAwaitingPayment {
                order_id: order(1),
                payment_id: payment_of(1),
                version: 1,
            },
            TicketOrdersEvent::OrderCompleted {
                order_id: order(1),
                payment_id: payment_of(1),
                version: 2,
            },
            TicketOrdersEvent::OrderCancelled {
                order_id: order(2),
                reason: CancelReason::Expired,
                version: 1,
            },
            TicketOrdersEvent::PaymentRefused {
                order_id: order(2),
                payment_id: payment_of(2),
            },
            TicketOrdersEvent::SaleClosed {
                ticket_id: ticket_id(),
            },
        ],
    }
}

pub fn payment_events() -> Vec<PaymentEvent> {
    let begun = PaymentEvent::PaymentBegun {
        payment_id: payment_of(1),
        order_id: order(1),
        ticket_id: ticket_id(),
        buyer: user(2),
        amount: price(1_999),
        currency: domain::Currency::USD,
        provider: "sandbox".to_owned(),
        reference: "pi_1".to_owned(),
        expires_at: at(900),
        begun_at: at(0),
    };
    match begun {
        PaymentEvent::PaymentBegun { .. }
        | PaymentEvent::PaymentReopened { .. }
        | PaymentEvent::PaymentDeclined { .. }
        | PaymentEvent::PaymentAuthorized { .. }
        | PaymentEvent::PaymentCaptured { .. }
        | PaymentEvent::PaymentVoided { .. }
        | PaymentEvent::PaymentLost { .. } => vec![
            begun,
            PaymentEvent::PaymentReopened {
                order_id: order(1),
                reference: "pi_2".to_owned(),
                attempt: 1,
                reopened_at: at(3),
            },
            PaymentEvent::PaymentDeclined {
                order_id: order(1),
                reason: "Your card was declined.".to_owned(),
                declined_at: Some(at(5)),
            },
            PaymentEvent::PaymentAuthorized {
                order_id: order(1),
                ticket_id: ticket_id(),
            },
            PaymentEvent::PaymentCaptured {
                order_id: order(1),
                amount: price(1_999),
            },
            PaymentEvent::PaymentVoided { order_id: order(1) },
            PaymentEvent::PaymentLost {
                order_id: order(1),
                ticket_id: ticket_id(),
                amount: price(1_999),
            },
        ],
    }
}

#[test]
fn events_of_users_keep_their_format() {
    insta::assert_json_snapshot!(language(&user_events()));
}

#[test]
fn events_of_tickets_keep_their_format() {
    insta::assert_json_snapshot!(language(&ticket_events()));
}

#[test]
fn events_of_orders_keep_their_format() {
    insta::assert_json_snapshot!(language(&order_events()));
}

#[test]
fn events_of_payments_keep_their_format() {
    insta::assert_json_snapshot!(language(&payment_events()));
}

#[test]
fn each_cancellation_reason_has_a_name() {
    let reasons = [
        CancelReason::Buyer,
        CancelReason::Expired,
        CancelReason::PaymentLost,
    ];
    assert_eq!(
        serde_json::to_value(reasons).unwrap(),
        json!(["buyer", "expired", "payment_lost"])
    );
}

#[test]
fn impossible_events_are_not_read() {
    for wrong in [
        json!({"type": "TicketRevised", "data": {"title": "", "price": 1}}),
        json!({"type": "TicketRevised", "data": {"title": "a", "price": 0}}),
        json!({"type": "TicketRevised", "data": {"title": "a", "price": 19.99}}),
        json!({"type": "TicketRevised", "data": {"title": "a"}}),
        json!({"type": "TicketBurnt", "data": {}}),
    ] {
        assert!(
            serde_json::from_value::<TicketEvent>(wrong.clone()).is_err(),
            "{wrong}"
        );
    }
}
