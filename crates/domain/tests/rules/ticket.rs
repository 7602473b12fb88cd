//! A ticket: listed, revised by its seller, following the decisions about its orders.

use domain::{
    OrderId,
    ticket::{
        Availability, ListingDifference, OrderDecision, Ticket, TicketCommand, TicketError,
        TicketEvent,
    },
};

use crate::support::{given, order, price, state, ticket_id, title, user};

const SELLER: u128 = 1;
const STRANGER: u128 = 2;

fn list() -> TicketCommand {
    TicketCommand::List {
        id: ticket_id(),
        seller: user(SELLER),
        title: title("Opening night"),
        price: price(2_000),
    }
}

fn listed() -> TicketEvent {
    TicketEvent::TicketListed {
        ticket_id: ticket_id(),
        seller: user(SELLER),
        title: title("Opening night"),
        price: price(2_000),
    }
}

fn revise(by: u128, has_live_order: bool) -> TicketCommand {
    TicketCommand::Revise {
        by: user(by),
        title: title("Second night"),
        price: price(1_999),
        expected: None,
        has_live_order,
        // Newer than anything the ticket has followed.
        orders_seen: u64::MAX,
    }
}

fn revised() -> TicketEvent {
    TicketEvent::TicketRevised {
        title: title("Second night"),
        price: price(1_999),
    }
}

fn follow(decision: OrderDecision, orders_version: u64) -> TicketCommand {
    TicketCommand::Follow {
        decision,
        orders_version,
    }
}

fn reserved(order_id: OrderId, orders_version: u64) -> TicketEvent {
    TicketEvent::TicketReserved {
        order_id,
        orders_version,
    }
}

fn released(order_id: OrderId, orders_version: u64) -> TicketEvent {
    TicketEvent::TicketReleased {
        order_id,
        orders_version,
    }
}

fn sold(order_id: OrderId, orders_version: u64) -> TicketEvent {
    TicketEvent::TicketSold {
        order_id,
        orders_version,
    }
}

fn availability(events: &[TicketEvent]) -> Availability {
    state::<Ticket>(events).listing().unwrap().availability
}

#[test]
fn listing_offers_the_ticket() {
    given::<Ticket>(vec![])
        .when(list())
        .then_expect_events(vec![listed()]);
}

#[test]
fn a_listed_ticket_is_for_sale_at_version_0() {
    let ticket: Ticket = state(&[listed()]);
    let listing = ticket.listing().unwrap();
    assert_eq!(listing.version, 0);
    assert_eq!(listing.availability, Availability::ForSale);
    assert_eq!(listing.seller, user(SELLER));
    assert_eq!(listing.title, title("Opening night"));
    assert_eq!(listing.price, price(2_000));
}

#[test]
fn an_id_is_listed_once() {
    given::<Ticket>(vec![listed()])
        .when(list())
        .then_expect_error(TicketError::AlreadyListed);
}

#[test]
fn a_ticket_that_was_never_listed_is_not_found() {
    given::<Ticket>(vec![])
        .when(revise(SELLER, false))
        .then_expect_error(TicketError::NotFound);
    given::<Ticket>(vec![])
        .when(follow(OrderDecision::Placed(order(1)), 1))
        .then_expect_error(TicketError::NotFound);
}

#[test]
fn the_seller_changes_title_and_price() {
    given::<Ticket>(vec![listed()])
        .when(revise(SELLER, false))
        .then_expect_events(vec![revised()]);
    let ticket: Ticket = state(&[listed(), revised()]);
    let listing = ticket.listing().unwrap();
    assert_eq!(listing.title, title("Second night"));
    assert_eq!(listing.price, price(1_999));
    assert_eq!(listing.version, 1);
}

#[test]
fn only_the_seller_changes_a_ticket() {
    given::<Ticket>(vec![listed()])
        .when(revise(STRANGER, false))
        .then_expect_error(TicketError::NotOwner);
}

#[test]
fn the_seller_is_checked_before_the_reservation() {
    given::<Ticket>(vec![listed(), reserved(order(1), 1)])
        .when(revise(STRANGER, true))
        .then_expect_error(TicketError::NotOwner);
}

#[test]
fn a_reserved_ticket_is_not_changed_before_it_follows_the_order() {
    given::<Ticket>(vec![listed()])
        .when(revise(SELLER, true))
        .then_expect_error(TicketError::Reserved);
    given::<Ticket>(vec![listed(), reserved(order(1), 1)])
        .when(revise(SELLER, true))
        .then_expect_error(TicketError::Reserved);
}

#[test]
fn a_released_ticket_is_changed_before_it_follows_the_release() {
    given::<Ticket>(vec![listed(), reserved(order(1), 1)])
        .when(revise(SELLER, false))
        .then_expect_events(vec![revised()]);
    given::<Ticket>(vec![listed(), reserved(order(1), 1), released(order(1), 2)])
        .when(revise(SELLER, false))
        .then_expect_events(vec![revised()]);
}

#[test]
fn the_newest_state_of_the_orders_applies() {
    let seeing = |orders_seen, has_live_order| TicketCommand::Revise {
        by: user(SELLER),
        title: title("Second night"),
        price: price(1_999),
        expected: None,
        has_live_order,
        orders_seen,
    };
    // An order was placed after the read, and the ticket has followed it.
    given::<Ticket>(vec![listed(), reserved(order(1), 0)])
        .when(seeing(0, false))
        .then_expect_error(TicketError::Reserved);
    given::<Ticket>(vec![listed(), reserved(order(1), 0), sold(order(1), 2)])
        .when(seeing(2, false))
        .then_expect_error(TicketError::Reserved);
    // The order was cancelled after the read.
    given::<Ticket>(vec![listed(), reserved(order(1), 0), released(order(1), 1)])
        .when(seeing(1, true))
        .then_expect_events(vec![revised()]);
    // The read is newer.
    given::<Ticket>(vec![listed(), reserved(order(1), 0)])
        .when(seeing(2, false))
        .then_expect_events(vec![revised()]);
    given::<Ticket>(vec![listed(), reserved(order(1), 0), released(order(1), 1)])
        .when(seeing(3, true))
        .then_expect_error(TicketError::Reserved);
}

#[test]
fn a_placed_order_holds_the_ticket() {
    given::<Ticket>(vec![listed()])
        .when(follow(OrderDecision::Placed(order(1)), 1))
        .then_expect_events(vec![reserved(order(1), 1)]);
    assert_eq!(
        availability(&[listed(), reserved(order(1), 1)]),
        Availability::Held(order(1))
    );
}

#[test]
fn a_cancelled_order_frees_the_ticket() {
    given::<Ticket>(vec![listed(), reserved(order(1), 1)])
        .when(follow(OrderDecision::Cancelled(order(1)), 2))
        .then_expect_events(vec![released(order(1), 2)]);
    assert_eq!(
        availability(&[listed(), reserved(order(1), 1), released(order(1), 2)]),
        Availability::ForSale
    );
}

#[test]
fn a_complete_order_keeps_the_ticket() {
    given::<Ticket>(vec![listed(), reserved(order(1), 1)])
        .when(follow(OrderDecision::Completed(order(1)), 3))
        .then_expect_events(vec![sold(order(1), 3)]);
    assert_eq!(
        availability(&[listed(), reserved(order(1), 1), sold(order(1), 3)]),
        Availability::Sold(order(1))
    );
}

#[test]
fn a_late_cancellation_does_not_free_another_order() {
    given::<Ticket>(vec![listed(), reserved(order(1), 1), reserved(order(2), 3)])
        .when(follow(OrderDecision::Cancelled(order(1)), 2))
        .then_expect_events(vec![]);
}

#[test]
fn repeated_news_changes_nothing() {
    for decision in [
        OrderDecision::Placed(order(1)),
        OrderDecision::Cancelled(order(1)),
        OrderDecision::Completed(order(1)),
    ] {
        given::<Ticket>(vec![listed(), reserved(order(1), 4)])
            .when(follow(decision, 4))
            .then_expect_events(vec![]);
    }
}

#[test]
fn news_of_an_ended_order_holds_nothing() {
    // The cancellation overtook the order; it must be recorded although nothing was held.
    given::<Ticket>(vec![listed()])
        .when(follow(OrderDecision::Cancelled(order(1)), 2))
        .then_expect_events(vec![released(order(1), 2)]);
    given::<Ticket>(vec![listed(), released(order(1), 2)])
        .when(follow(OrderDecision::Placed(order(1)), 1))
        .then_expect_events(vec![]);
}

#[test]
fn the_version_counts_every_event_after_the_listing() {
    let events = [
        listed(),
        revised(),
        reserved(order(1), 1),
        released(order(1), 2),
        reserved(order(2), 3),
        sold(order(2), 5),
    ];
    for n in 1..=events.len() {
        let ticket: Ticket = state(&events[..n]);
        assert_eq!(ticket.listing().unwrap().version, n as u64 - 1);
    }
}

#[test]
fn events_of_an_unlisted_ticket_are_ignored() {
    assert_eq!(
        state::<Ticket>(&[revised(), reserved(order(1), 1)]),
        Ticket::default()
    );
}

#[test]
fn refusals_have_the_documented_messages() {
    assert_eq!(
        TicketError::Reserved.to_string(),
        "Cannot edit a reserved ticket"
    );
    assert_eq!(TicketError::NotOwner.to_string(), "Not authorized");
    assert_eq!(TicketError::NotFound.to_string(), "Not Found");
}

fn expecting(version: u64) -> TicketCommand {
    TicketCommand::Revise {
        by: user(SELLER),
        title: title("Last row"),
        price: price(1_999),
        expected: Some(version),
        has_live_order: false,
        orders_seen: u64::MAX,
    }
}

#[test]
fn a_change_of_an_old_version_is_refused_with_the_changes() {
    given::<Ticket>(vec![listed(), revised()])
        .when(expecting(0))
        .then_expect_error(TicketError::Changed(ListingDifference {
            title: Some(title("Second night")),
            price: Some(price(1_999)),
        }));
    given::<Ticket>(vec![listed(), reserved(order(1), 1), released(order(1), 2)])
        .when(expecting(0))
        .then_expect_error(TicketError::Changed(ListingDifference::default()));
    given::<Ticket>(vec![listed(), revised()])
        .when(expecting(1))
        .then_expect_events(vec![TicketEvent::TicketRevised {
            title: title("Last row"),
            price: price(1_999),
        }]);
}

#[test]
fn a_change_without_effect_is_no_event_at_any_version() {
    given::<Ticket>(vec![listed(), revised()])
        .when(revise(SELLER, false))
        .then_expect_events(vec![]);
    let again = TicketCommand::Revise {
        by: user(SELLER),
        title: title("Second night"),
        price: price(1_999),
        expected: Some(0),
        has_live_order: false,
        orders_seen: u64::MAX,
    };
    given::<Ticket>(vec![listed(), revised()])
        .when(again)
        .then_expect_events(vec![]);
}

#[test]
fn changes_since_a_version_are_known_per_field() {
    let new_title = TicketEvent::TicketRevised {
        title: title("Second night"),
        price: price(2_000),
    };
    let ticket: Ticket = state(&[
        listed(),
        new_title,
        reserved(order(1), 1),
        released(order(1), 2),
        revised(),
    ]);
    let since = |version| ticket.listing().unwrap().changed_since(version);
    let (title, price) = (Some(title("Second night")), Some(price(1_999)));
    assert_eq!(since(0), ListingDifference { title, price });
    assert_eq!(since(1), ListingDifference { title: None, price });
    assert_eq!(since(3), ListingDifference { title: None, price });
    assert!(since(4).is_none());
}

fn withdraw(by: u128, has_live_order: bool, orders_seen: u64) -> TicketCommand {
    TicketCommand::Withdraw {
        by: user(by),
        has_live_order,
        orders_seen,
    }
}

fn asked(orders_seen: u64) -> TicketEvent {
    TicketEvent::WithdrawalRequested { orders_seen }
}

fn withdrawn(orders_version: u64) -> TicketEvent {
    TicketEvent::TicketWithdrawn { orders_version }
}

#[test]
fn a_seller_requests_the_withdrawal_of_a_free_ticket_once() {
    given::<Ticket>(vec![listed()])
        .when(withdraw(SELLER, false, 0))
        .then_expect_events(vec![asked(0)]);
    given::<Ticket>(vec![listed(), asked(0)])
        .when(withdraw(SELLER, false, 0))
        .then_expect_events(vec![]);
    // An order came and went: that request has no effect any more.
    given::<Ticket>(vec![listed(), asked(0)])
        .when(withdraw(SELLER, false, 2))
        .then_expect_events(vec![asked(2)]);
}

#[test]
fn held_sold_and_foreign_tickets_are_not_withdrawn() {
    given::<Ticket>(vec![listed()])
        .when(withdraw(SELLER, true, 1))
        .then_expect_error(TicketError::HeldByOrder);
    given::<Ticket>(vec![listed(), reserved(order(1), 0)])
        .when(withdraw(SELLER, false, 0))
        .then_expect_error(TicketError::HeldByOrder);
    given::<Ticket>(vec![listed(), reserved(order(1), 0), sold(order(1), 2)])
        .when(withdraw(SELLER, true, 3))
        .then_expect_error(TicketError::Sold);
    given::<Ticket>(vec![listed()])
        .when(withdraw(SELLER + 1, false, 0))
        .then_expect_error(TicketError::NotOwner);
}

#[test]
fn a_withdrawn_ticket_stays_withdrawn() {
    let gone = vec![listed(), asked(0), withdrawn(0)];
    given::<Ticket>(vec![listed(), asked(0)])
        .when(follow(OrderDecision::Closed, 0))
        .then_expect_events(vec![withdrawn(0)]);
    given::<Ticket>(gone.clone())
        .when(withdraw(SELLER, false, 1))
        .then_expect_events(vec![]);
    given::<Ticket>(gone.clone())
        .when(revise(SELLER, false))
        .then_expect_error(TicketError::Withdrawn);
    let ticket: Ticket = state(&gone);
    assert_eq!(
        ticket.listing().unwrap().availability,
        Availability::Withdrawn
    );
}
