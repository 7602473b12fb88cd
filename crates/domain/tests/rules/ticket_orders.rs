//! All orders of one ticket: who has it, and which of pay, cancel and expire wins.

use domain::{
    Decide,
    ticket::ListingDifference,
    ticket_orders::{
        CancelReason, ORDER_WINDOW, OrderStatus, TicketOrders, TicketOrdersCommand,
        TicketOrdersError, TicketOrdersEvent,
    },
};

use crate::{
    order_words::{
        BUYER, HOLD_SECONDS, OTHER, SELLER_OF_ALL, await_payment, awaiting, cancel, cancelled,
        complete, completed, expire, ordered_ticket, place, place_at, placed, placed_at, refused,
    },
    support::{at, given, order, price, state, ticket_id, title, user},
};

#[test]
fn placing_an_order_holds_the_ticket_until_it_expires() {
    given::<TicketOrders>(vec![])
        .when(place(1, BUYER))
        .then_expect_events(vec![placed(1, BUYER)]);
    let orders: TicketOrders = state(&[placed(1, BUYER)]);
    let live = orders.live().unwrap();
    assert_eq!(live.id, order(1));
    assert_eq!(live.buyer, user(BUYER));
    assert_eq!(live.status, OrderStatus::Created);
    assert_eq!(live.ticket, ordered_ticket());
    assert_eq!(live.placed_at, at(0));
    assert_eq!(live.expires_at, at(HOLD_SECONDS));
    assert_eq!(live.version, 0);
}

#[test]
fn a_ticket_with_a_live_order_is_not_ordered_again() {
    for before in [
        vec![placed(1, BUYER)],
        vec![placed(1, BUYER), awaiting(1)],
        vec![placed(1, BUYER), completed(1, 1)],
    ] {
        given::<TicketOrders>(before)
            .when(place(2, OTHER))
            .then_expect_error(TicketOrdersError::AlreadyReserved);
    }
}

#[test]
fn an_order_id_is_used_once() {
    given::<TicketOrders>(vec![placed(1, BUYER), cancelled(1, CancelReason::Buyer, 1)])
        .when(place(1, BUYER))
        .then_expect_error(TicketOrdersError::AlreadyReserved);
}

#[test]
fn a_ticket_is_ordered_again_after_its_order_was_cancelled_or_expired() {
    for reason in [CancelReason::Buyer, CancelReason::Expired] {
        given::<TicketOrders>(vec![placed(1, BUYER), cancelled(1, reason, 1)])
            .when(place(2, OTHER))
            .then_expect_events(vec![placed(2, OTHER)]);
    }
}

/// This number of orders of the buyer, one per second, each cancelled at once.
fn placed_and_cancelled(count: u8) -> Vec<TicketOrdersEvent> {
    (0..count)
        .flat_map(|n| {
            [
                placed_at(u128::from(n), BUYER, n.into()),
                cancelled(n.into(), CancelReason::Buyer, 1),
            ]
        })
        .collect()
}

#[test]
fn a_buyer_waits_after_60_orders_of_a_ticket_in_an_hour() {
    let hour = ORDER_WINDOW.num_seconds();
    given::<TicketOrders>(placed_and_cancelled(59))
        .when(place_at(90, BUYER, 80))
        .then_expect_events(vec![placed_at(90, BUYER, 80)]);
    for seconds in [80, hour - 1] {
        given::<TicketOrders>(placed_and_cancelled(60))
            .when(place_at(90, BUYER, seconds))
            .then_expect_error(TicketOrdersError::TooManyOrders { until: at(hour) });
    }
    given::<TicketOrders>(placed_and_cancelled(60))
        .when(place_at(90, BUYER, hour))
        .then_expect_events(vec![placed_at(90, BUYER, hour)]);
}

#[test]
fn the_limit_of_one_buyer_does_not_affect_others() {
    given::<TicketOrders>(placed_and_cancelled(60))
        .when(place_at(90, OTHER, 80))
        .then_expect_events(vec![placed_at(90, OTHER, 80)]);
}

#[test]
fn a_taken_ticket_is_reported_before_the_limit() {
    let taken = [placed_and_cancelled(60), vec![placed_at(80, OTHER, 70)]].concat();
    given::<TicketOrders>(taken)
        .when(place_at(90, BUYER, 80))
        .then_expect_error(TicketOrdersError::AlreadyReserved);
}

#[test]
fn a_price_that_the_buyer_was_not_shown_is_refused() {
    let expecting = |cents| TicketOrdersCommand::Place {
        order_id: order(1),
        buyer: user(BUYER),
        ticket: ordered_ticket(),
        seller: user(SELLER_OF_ALL),
        expected_price: Some(price(cents)),
        difference: ListingDifference::default(),
        at: at(0),
        expires_at: at(HOLD_SECONDS),
    };
    given::<TicketOrders>(vec![])
        .when(expecting(1_999))
        .then_expect_error(TicketOrdersError::PriceChanged {
            actual: price(2_000),
        });
    given::<TicketOrders>(vec![])
        .when(expecting(2_000))
        .then_expect_events(vec![placed(1, BUYER)]);
}

#[test]
fn a_taken_ticket_is_reported_before_a_changed_price() {
    given::<TicketOrders>(vec![placed(1, BUYER)])
        .when(TicketOrdersCommand::Place {
            order_id: order(2),
            buyer: user(OTHER),
            ticket: ordered_ticket(),
            seller: user(SELLER_OF_ALL),
            expected_price: Some(price(1)),
            difference: ListingDifference::default(),
            at: at(0),
            expires_at: at(HOLD_SECONDS),
        })
        .then_expect_error(TicketOrdersError::AlreadyReserved);
}

#[test]
fn a_payment_that_begins_makes_the_order_await_it() {
    given::<TicketOrders>(vec![placed(1, BUYER)])
        .when(await_payment(1))
        .then_expect_events(vec![awaiting(1)]);
    let orders: TicketOrders = state(&[placed(1, BUYER), awaiting(1)]);
    let live = orders.live().unwrap();
    assert_eq!(
        (live.status, live.version),
        (OrderStatus::AwaitingPayment, 1)
    );
}

#[test]
fn a_final_order_awaits_no_payment() {
    for before in [
        vec![placed(1, BUYER), awaiting(1)],
        vec![placed(1, BUYER), completed(1, 1)],
        vec![placed(1, BUYER), cancelled(1, CancelReason::Buyer, 1)],
    ] {
        given::<TicketOrders>(before)
            .when(await_payment(1))
            .then_expect_events(vec![]);
    }
}

#[test]
fn an_authorized_payment_completes_the_order() {
    given::<TicketOrders>(vec![placed(1, BUYER)])
        .when(complete(1))
        .then_expect_events(vec![completed(1, 1)]);
    given::<TicketOrders>(vec![placed(1, BUYER), awaiting(1)])
        .when(complete(1))
        .then_expect_events(vec![completed(1, 2)]);
    let orders: TicketOrders = state(&[placed(1, BUYER), awaiting(1), completed(1, 2)]);
    assert_eq!(orders.live().unwrap().status, OrderStatus::Complete);
}

#[test]
fn completing_a_complete_order_changes_nothing() {
    given::<TicketOrders>(vec![placed(1, BUYER), completed(1, 1)])
        .when(complete(1))
        .then_expect_events(vec![]);
}

#[test]
fn a_payment_for_a_cancelled_order_is_refused_once() {
    for reason in [CancelReason::Buyer, CancelReason::Expired] {
        given::<TicketOrders>(vec![placed(1, BUYER), cancelled(1, reason, 1)])
            .when(complete(1))
            .then_expect_events(vec![refused(1)]);
        given::<TicketOrders>(vec![placed(1, BUYER), cancelled(1, reason, 1), refused(1)])
            .when(complete(1))
            .then_expect_events(vec![]);
    }
}

#[test]
fn a_refused_payment_changes_neither_the_order_nor_its_version() {
    let before: TicketOrders = state(&[placed(1, BUYER), cancelled(1, CancelReason::Buyer, 1)]);
    let after: TicketOrders = state(&[
        placed(1, BUYER),
        cancelled(1, CancelReason::Buyer, 1),
        refused(1),
    ]);
    let (before, after) = (
        before.order(order(1)).unwrap(),
        after.order(order(1)).unwrap(),
    );
    assert_eq!(
        (after.status, after.version),
        (before.status, before.version)
    );
}

#[test]
fn the_buyer_cancels_the_order() {
    given::<TicketOrders>(vec![placed(1, BUYER)])
        .when(cancel(1, BUYER))
        .then_expect_events(vec![cancelled(1, CancelReason::Buyer, 1)]);
    given::<TicketOrders>(vec![placed(1, BUYER), awaiting(1)])
        .when(cancel(1, BUYER))
        .then_expect_events(vec![cancelled(1, CancelReason::Buyer, 2)]);
    let orders: TicketOrders = state(&[placed(1, BUYER), cancelled(1, CancelReason::Buyer, 1)]);
    assert!(orders.live().is_none());
    assert_eq!(
        orders.order(order(1)).unwrap().status,
        OrderStatus::Cancelled
    );
}

#[test]
fn only_the_buyer_cancels_an_order() {
    for before in [
        vec![placed(1, BUYER)],
        vec![placed(1, BUYER), completed(1, 1)],
        vec![placed(1, BUYER), cancelled(1, CancelReason::Buyer, 1)],
    ] {
        given::<TicketOrders>(before)
            .when(cancel(1, OTHER))
            .then_expect_error(TicketOrdersError::NotOwner);
    }
}

#[test]
fn a_paid_order_is_not_cancelled() {
    given::<TicketOrders>(vec![placed(1, BUYER), completed(1, 1)])
        .when(cancel(1, BUYER))
        .then_expect_error(TicketOrdersError::AlreadyPaid);
}

#[test]
fn cancelling_a_cancelled_order_changes_nothing() {
    given::<TicketOrders>(vec![
        placed(1, BUYER),
        cancelled(1, CancelReason::Expired, 1),
    ])
    .when(cancel(1, BUYER))
    .then_expect_events(vec![]);
}

#[test]
fn ending_an_old_order_does_not_affect_the_next_hold() {
    let before = vec![
        placed(1, BUYER),
        cancelled(1, CancelReason::Buyer, 1),
        placed(2, OTHER),
    ];
    for command in [cancel(1, BUYER), expire(1, HOLD_SECONDS)] {
        given::<TicketOrders>(before.clone())
            .when(command)
            .then_expect_events(vec![]);
    }
    let orders: TicketOrders = state(&before);
    assert_eq!(orders.live().unwrap().id, order(2));
}

#[test]
fn an_unpaid_order_expires_at_its_deadline() {
    for (before, version) in [
        (vec![placed(1, BUYER)], 1),
        (vec![placed(1, BUYER), awaiting(1)], 2),
    ] {
        given::<TicketOrders>(before.clone())
            .when(expire(1, HOLD_SECONDS - 1))
            .then_expect_error(TicketOrdersError::NotDue);
        for seconds in [HOLD_SECONDS, HOLD_SECONDS + 1, HOLD_SECONDS * 1_000] {
            given::<TicketOrders>(before.clone())
                .when(expire(1, seconds))
                .then_expect_events(vec![cancelled(1, CancelReason::Expired, version)]);
        }
    }
}

#[test]
fn a_paid_or_cancelled_order_never_expires() {
    for before in [
        vec![placed(1, BUYER), completed(1, 1)],
        vec![placed(1, BUYER), cancelled(1, CancelReason::Buyer, 1)],
    ] {
        for seconds in [0, HOLD_SECONDS * 2] {
            given::<TicketOrders>(before.clone())
                .when(expire(1, seconds))
                .then_expect_events(vec![]);
        }
    }
}

#[test]
fn an_order_that_was_never_placed_is_not_found() {
    for command in [
        await_payment(9),
        complete(9),
        cancel(9, BUYER),
        expire(9, HOLD_SECONDS),
    ] {
        given::<TicketOrders>(vec![placed(1, BUYER)])
            .when(command)
            .then_expect_error(TicketOrdersError::NotFound);
    }
}

#[test]
fn a_duplicate_cancellation_does_not_free_the_next_order() {
    let orders: TicketOrders = state(&[
        placed(1, BUYER),
        cancelled(1, CancelReason::Buyer, 1),
        placed(2, OTHER),
        cancelled(1, CancelReason::Expired, 1),
    ]);
    assert_eq!(orders.live().unwrap().id, order(2));
}

#[test]
fn orders_are_listed_oldest_first() {
    let orders: TicketOrders = state(&[
        placed(1, BUYER),
        cancelled(1, CancelReason::Buyer, 1),
        placed(2, OTHER),
        cancelled(2, CancelReason::Expired, 1),
        placed(3, BUYER),
    ]);
    let ids: Vec<_> = orders.orders().iter().map(|order| order.id).collect();
    assert_eq!(ids, [order(1), order(2), order(3)]);
}

#[test]
fn events_of_an_unplaced_order_are_ignored() {
    let orders: TicketOrders = state(&[completed(1, 1), refused(1)]);
    assert!(orders.orders().is_empty());
    assert!(orders.live().is_none());
}

#[test]
fn only_cancelled_orders_free_the_ticket_and_only_open_ones_are_payable() {
    use OrderStatus::{AwaitingPayment, Cancelled, Complete, Created};
    for (status, live, payable) in [
        (Created, true, true),
        (AwaitingPayment, true, true),
        (Complete, true, false),
        (Cancelled, false, false),
    ] {
        assert_eq!(
            (status.is_live(), status.is_payable()),
            (live, payable),
            "{status:?}"
        );
    }
}

#[test]
fn deciding_does_not_change_the_state() {
    let orders: TicketOrders = state(&[placed(1, BUYER)]);
    let before = orders.clone();
    orders.decide(cancel(1, BUYER)).unwrap();
    assert_eq!(orders, before);
}

#[test]
fn refusals_have_the_documented_messages() {
    for (error, message) in [
        (
            TicketOrdersError::AlreadyReserved,
            "Ticket is already reserved",
        ),
        (
            TicketOrdersError::PriceChanged {
                actual: price(1_950),
            },
            "The price has changed to 19.50",
        ),
        (TicketOrdersError::NotFound, "Not Found"),
        (TicketOrdersError::NotOwner, "Not authorized"),
        (TicketOrdersError::AlreadyPaid, "Cannot cancel a paid order"),
    ] {
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn sellers_cannot_order_their_own_tickets() {
    given::<TicketOrders>(vec![])
        .when(place(1, SELLER_OF_ALL))
        .then_expect_error(TicketOrdersError::OwnTicket);
}

#[test]
fn a_buyer_who_has_the_ticket_gets_the_existing_order() {
    given::<TicketOrders>(vec![placed(1, BUYER)])
        .when(place(2, BUYER))
        .then_expect_error(TicketOrdersError::AlreadyHeld(order(1)));
    given::<TicketOrders>(vec![placed(1, BUYER), completed(1, 1)])
        .when(place(2, BUYER))
        .then_expect_error(TicketOrdersError::AlreadyBought(order(1)));
    given::<TicketOrders>(vec![placed(1, BUYER)])
        .when(place(2, OTHER))
        .then_expect_error(TicketOrdersError::AlreadyReserved);
}

#[test]
fn an_order_of_a_changed_ticket_names_the_changes() {
    let changed = ListingDifference {
        title: Some(title("Last row")),
        price: None,
    };
    let seen = |difference| TicketOrdersCommand::Place {
        order_id: order(1),
        buyer: user(BUYER),
        ticket: ordered_ticket(),
        seller: user(SELLER_OF_ALL),
        expected_price: None,
        difference,
        at: at(0),
        expires_at: at(HOLD_SECONDS),
    };
    given::<TicketOrders>(vec![])
        .when(seen(changed.clone()))
        .then_expect_error(TicketOrdersError::Changed(changed));
    given::<TicketOrders>(vec![])
        .when(seen(ListingDifference::default()))
        .then_expect_events(vec![placed(1, BUYER)]);
}

#[test]
fn an_order_with_lost_money_frees_the_ticket() {
    let lose = || TicketOrdersCommand::LosePayment { order_id: order(1) };
    let undone = |version| cancelled(1, CancelReason::PaymentLost, version);
    given::<TicketOrders>(vec![placed(1, BUYER), awaiting(1), completed(1, 2)])
        .when(lose())
        .then_expect_events(vec![undone(3)]);
    let after = vec![placed(1, BUYER), awaiting(1), completed(1, 2), undone(3)];
    let orders: TicketOrders = state(&after);
    assert!(orders.live().is_none());
    let order = orders.order(order(1)).unwrap();
    assert_eq!(order.status, OrderStatus::Cancelled);
    assert_eq!(order.cancelled, Some(CancelReason::PaymentLost));
    given::<TicketOrders>(after)
        .when(lose())
        .then_expect_events(vec![]);
    // Its buyer can't undo it.
    given::<TicketOrders>(vec![placed(1, BUYER), awaiting(1), completed(1, 2)])
        .when(cancel(1, BUYER))
        .then_expect_error(TicketOrdersError::AlreadyPaid);
}

fn close(orders_seen: u64) -> TicketOrdersCommand {
    TicketOrdersCommand::Close {
        ticket_id: ticket_id(),
        orders_seen,
    }
}

fn closed() -> TicketOrdersEvent {
    TicketOrdersEvent::SaleClosed {
        ticket_id: ticket_id(),
    }
}

#[test]
fn a_closed_sale_accepts_no_order() {
    given::<TicketOrders>(vec![])
        .when(close(0))
        .then_expect_events(vec![closed()]);
    given::<TicketOrders>(vec![closed()])
        .when(place(1, BUYER))
        .then_expect_error(TicketOrdersError::Withdrawn);
    given::<TicketOrders>(vec![closed()])
        .when(close(1))
        .then_expect_events(vec![]);
}

#[test]
fn a_sale_is_closed_only_without_newer_orders() {
    given::<TicketOrders>(vec![placed(1, BUYER)])
        .when(close(0))
        .then_expect_events(vec![]);
    given::<TicketOrders>(vec![placed(1, BUYER)])
        .when(close(1))
        .then_expect_events(vec![]);
    let gone = vec![placed(1, BUYER), cancelled(1, CancelReason::Buyer, 1)];
    given::<TicketOrders>(gone.clone())
        .when(close(0))
        .then_expect_events(vec![]);
    given::<TicketOrders>(gone)
        .when(close(2))
        .then_expect_events(vec![closed()]);
}
