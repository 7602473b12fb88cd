//! What each event makes of a document, without a server.

use chrono::DateTime;
use domain::{
    OrderId, TicketId, UserId,
    ticket::{Ticket, TicketEvent},
    ticket_orders::{CancelReason, OrderedTicket, TicketOrders, TicketOrdersEvent},
};
use event_streams::{ORDERS, TICKETS};
use eventstore::testing::given as aggregate;
use mongodb::bson::{Bson, Document, doc};
use projections::{bson_values::uuid, testing::given};
use read_models::{
    orders::OrdersProjection, payable_orders::PayableOrdersProjection, tickets::TicketsProjection,
};
use uuid::Uuid;

use crate::support::{price, title};

const TICKET: Uuid = Uuid::from_u128(1);
const SELLER: Uuid = Uuid::from_u128(2);
const BUYER: Uuid = Uuid::from_u128(3);
const ORDER: Uuid = Uuid::from_u128(4);

#[test]
fn a_ticket_shows_its_newest_title_and_who_has_it() {
    let ticket = |changes: Document| {
        let mut ticket = doc! {
            "_id": uuid(TICKET), "title": "Opéra", "search": "opera", "price": 500_i64,
            "seller": uuid(SELLER), "status": "open", "order": null, "version": 0_i64,
            "listed": 1_i64,
        };
        ticket.extend(changes);
        ticket
    };
    let order_id = OrderId(ORDER);
    let held = doc! { "title": "Ballet", "search": "ballet", "price": 700_i64 };
    let after = |changes: Document| {
        let mut all = held.clone();
        all.extend(changes);
        ticket(all)
    };
    let steps = [
        (
            TicketEvent::TicketListed {
                ticket_id: TicketId(TICKET),
                seller: UserId(SELLER),
                title: title("Opéra"),
                price: price(500),
            },
            ticket(doc! {}),
        ),
        (
            TicketEvent::TicketRevised {
                title: title("Ballet"),
                price: price(700),
            },
            after(doc! { "version": 1_i64 }),
        ),
        (
            TicketEvent::TicketReserved {
                order_id,
                orders_version: 0,
            },
            after(doc! { "status": "reserved", "order": uuid(ORDER), "version": 2_i64 }),
        ),
        (
            TicketEvent::TicketReleased {
                order_id,
                orders_version: 1,
            },
            after(doc! { "status": "open", "version": 3_i64 }),
        ),
        (
            TicketEvent::TicketSold {
                order_id,
                orders_version: 3,
            },
            after(doc! { "status": "sold", "order": uuid(ORDER), "version": 4_i64 }),
        ),
    ];
    let (mut history, mut folded) = (
        aggregate::<Ticket>(TICKETS, &TICKET.to_string()),
        given(TicketsProjection),
    );
    for (event, expected) in steps {
        folded = folded.commit(&history.when([event.clone()]));
        folded.then([expected]);
        history = history.events([event]);
    }
}

fn placed() -> TicketOrdersEvent {
    TicketOrdersEvent::OrderPlaced {
        order_id: OrderId(ORDER),
        buyer: UserId(BUYER),
        ticket: OrderedTicket {
            id: TicketId(TICKET),
            title: title("Opera"),
            price: price(500),
            currency: domain::Currency::USD,
            version: 7,
        },
        placed_at: DateTime::from_timestamp_nanos(1),
        expires_at: DateTime::from_timestamp_nanos(2),
    }
}

#[test]
fn an_order_ends_as_complete_or_with_the_reason_of_its_end() {
    let placed = || aggregate::<TicketOrders>(ORDERS, &TICKET.to_string()).events([placed()]);
    let first = aggregate::<TicketOrders>(ORDERS, &TICKET.to_string()).when([self::placed()]);
    let order = |status: &str, payable: bool, reason: Option<&str>, version: i64| {
        doc! {
            "_id": uuid(ORDER), "ticket": uuid(TICKET), "title": "Opera", "price": 500_i64,
            "currency": "usd", "ticket_version": 7_i64, "buyer": uuid(BUYER), "status": status,
            "payable": payable, "placed_at": 1_i64, "expires_at": 2_i64,
            "cancel_reason": reason.map_or(Bson::Null, Bson::from), "version": version,
            "placed": 256_i64,
        }
    };
    let open = given(OrdersProjection).commit(&first);
    open.then([order("created", true, None, 0)]);
    let cancelled = |reason| TicketOrdersEvent::OrderCancelled {
        order_id: OrderId(ORDER),
        reason,
        version: 1,
    };
    for (reason, shown) in [
        (CancelReason::Buyer, "buyer"),
        (CancelReason::Expired, "expired"),
        (CancelReason::PaymentLost, "payment_lost"),
    ] {
        let ended = open.clone().commit(&placed().when([cancelled(reason)]));
        ended.then([order("cancelled", false, Some(shown), 1)]);
    }
}

#[test]
fn a_payable_order_is_known_by_its_ticket_and_buyer() {
    let first = aggregate::<TicketOrders>(ORDERS, &TICKET.to_string()).when([placed()]);
    given(PayableOrdersProjection)
        .commit(&first)
        .then([doc! { "_id": uuid(ORDER), "ticket": uuid(TICKET), "buyer": uuid(BUYER) }]);
}
