//! The reactions to each event.

use cqrs_es::DomainEvent;
use domain::policies::{
    Deadline, Reaction, SETTLEMENT_GRACE, expiration_on_orders, orders_on_payments,
    orders_on_tickets, payments_on_orders, payments_on_payments, tickets_on_orders,
};
use std::fmt::Debug;

use crate::{
    published_language::{order_events, payment_events, ticket_events},
    support::{order, payment_of, ticket_id},
};

/// The event with its reaction's key, the aggregate that decides, and the command.
fn reaction<C: Debug>(event: &impl DomainEvent, reaction: Option<Reaction<C>>) -> Option<String> {
    let Reaction {
        aggregate_id,
        key,
        command,
    } = reaction?;
    assert_eq!(aggregate_id, ticket_id().0);
    Some(format!("{} -> {key}: {command:?}", event.event_type()))
}

#[test]
fn policies_map_events_to_commands() {
    let ticket = ticket_id().0;
    let tickets = order_events().into_iter();
    let tickets =
        tickets.filter_map(|event| reaction(&event, tickets_on_orders(ticket, 7, &event)));
    let closed = ticket_events().into_iter();
    let closed = closed.filter_map(|event| reaction(&event, orders_on_tickets(ticket, 7, &event)));
    let paid = payment_events().into_iter();
    let paid = paid.filter_map(|event| reaction(&event, orders_on_payments(&event)));
    insta::assert_debug_snapshot!(tickets.chain(closed).chain(paid).collect::<Vec<_>>());
}

#[test]
fn a_payment_is_settled_after_its_order_decides() {
    let events = order_events().into_iter();
    let settled = events.filter(|event| payments_on_orders(event).is_some());
    let settled: Vec<_> = settled.map(|event| event.event_type()).collect();
    assert_eq!(
        settled,
        ["OrderCompleted", "OrderCancelled", "PaymentRefused"]
    );
    for event in order_events() {
        assert!(payments_on_orders(&event).is_none_or(|id| Some(id) == event.order_id()));
    }
}

#[test]
fn an_order_expires_and_its_payment_is_checked_afterwards() {
    let orders = order_events();
    let expiries: Vec<_> = orders.iter().filter_map(expiration_on_orders).collect();
    let payments = payment_events();
    let looks: Vec<_> = payments.iter().filter_map(payments_on_payments).collect();
    let ([expiry], [look]) = (&expiries[..], &looks[..]) else {
        panic!("{expiries:?} {looks:?}");
    };
    assert_eq!(expiry.id, order(1).0);
    assert_eq!(expiry.command.order_id, order(1));
    assert_eq!(expiry.command.ticket_id, ticket_id());
    let Deadline { id, at, command } = look;
    assert_eq!((*id, command.order_id), (payment_of(1).0, order(1)));
    assert_eq!(*at, expiry.at + SETTLEMENT_GRACE);
}
