//! The read models of orders, on real servers.

use api::{CancelReason, OrderStatus};
use chrono::{Duration, Utc};
use domain::{
    OrderId, PaymentId,
    ticket_orders::{self, TicketOrdersEvent},
};
use event_streams::ORDERS;
use eventstore::{HistoricalCommit, Metadata};
use projections::ReadError;
use read_models::{
    orders::{Orders, OverdueOrder},
    payable_orders::{PayableOrder, PayableOrders},
};
use testkit::LONG;
use uuid::Uuid;

use crate::support::{World, placed, quick};

#[tokio::test]
async fn an_order_shows_each_change_and_what_was_bought() {
    let world = World::start().await;
    let orders = Orders::start(&world.log, &world.store, quick())
        .await
        .unwrap();
    let mut trader = world.trader();
    let (ticket, buyer) = (Uuid::new_v4(), Uuid::new_v4());
    let expires_at = Utc::now() + Duration::minutes(15);
    let (id, at) = trader.order(ticket, buyer, expires_at).await;
    assert!(orders.runner().progress().wait_for(ORDERS, at, LONG).await);
    let order = orders.find(id).await.unwrap().unwrap();
    assert_eq!(order.expires_at, expires_at, "exact to the nanosecond");
    assert_eq!((order.id, order.user_id), (id, buyer));
    assert_eq!((order.status, order.version), (OrderStatus::Created, 0));
    assert_eq!((order.ticket.id, order.ticket.price.cents), (ticket, 1_999));

    let (order_id, payment_id) = (OrderId(id), PaymentId::of(OrderId(id)));
    for (event, status, version) in [
        (
            TicketOrdersEvent::OrderAwaitingPayment {
                order_id,
                payment_id,
                version: 1,
            },
            OrderStatus::AwaitingPayment,
            1,
        ),
        (
            TicketOrdersEvent::OrderCompleted {
                order_id,
                payment_id,
                version: 2,
            },
            OrderStatus::Complete,
            2,
        ),
        (
            TicketOrdersEvent::PaymentRefused {
                order_id,
                payment_id,
            },
            OrderStatus::Complete,
            2,
        ),
    ] {
        let at = trader.orders(ticket, &[event]).await;
        assert!(orders.runner().progress().wait_for(ORDERS, at, LONG).await);
        let order = orders.find(id).await.unwrap().unwrap();
        assert_eq!((order.status, order.version), (status, version));
    }
}

#[tokio::test]
async fn a_cancelled_order_shows_why() {
    let world = World::start().await;
    let orders = Orders::start(&world.log, &world.store, quick())
        .await
        .unwrap();
    let mut trader = world.trader();
    for (reason, shown) in [
        (ticket_orders::CancelReason::Buyer, CancelReason::Buyer),
        (ticket_orders::CancelReason::Expired, CancelReason::Expired),
    ] {
        let ticket = Uuid::new_v4();
        let (id, _) = trader.order(ticket, Uuid::new_v4(), Utc::now()).await;
        let cancelled = TicketOrdersEvent::OrderCancelled {
            order_id: OrderId(id),
            reason,
            version: 1,
        };
        let at = trader.orders(ticket, &[cancelled]).await;
        assert!(orders.runner().progress().wait_for(ORDERS, at, LONG).await);
        let order = orders.find(id).await.unwrap().unwrap();
        assert_eq!(order.status, OrderStatus::Cancelled);
        assert_eq!(order.cancel_reason, Some(shown));
    }
}

#[tokio::test]
async fn a_buyer_sees_own_orders_oldest_first() {
    let world = World::start().await;
    let orders = Orders::start(&world.log, &world.store, quick())
        .await
        .unwrap();
    let mut trader = world.trader();
    let buyer = Uuid::new_v4();
    let mut own = Vec::new();
    let mut last = 0;
    for _ in 0..150 {
        let (id, _) = trader.order(Uuid::new_v4(), buyer, Utc::now()).await;
        own.push(id);
        last = trader
            .order(Uuid::new_v4(), Uuid::new_v4(), Utc::now())
            .await
            .1;
    }
    assert!(
        orders
            .runner()
            .progress()
            .wait_for(ORDERS, last, LONG)
            .await
    );
    let page = async |cursor: Option<&str>| orders.by_buyer(buyer, 100, cursor).await.unwrap();
    let first = page(None).await;
    assert_eq!(first.orders.len(), 100);
    let rest = page(first.next.as_deref()).await;
    assert_eq!(rest.next, None);
    let shown = first.orders.iter().chain(&rest.orders);
    let shown: Vec<_> = shown.map(|order| order.id).collect();
    assert_eq!(shown, own);
    let nobody = orders.by_buyer(Uuid::new_v4(), 100, None).await.unwrap();
    assert_eq!((nobody.orders.len(), nobody.next), (0, None));
    let nonsense = orders.by_buyer(buyer, 100, Some("nonsense")).await;
    assert!(matches!(nonsense, Err(ReadError::BadCursor)));
}

#[tokio::test]
async fn orders_placed_in_one_message_are_each_shown_once() {
    let world = World::start().await;
    let orders = Orders::start(&world.log, &world.store, quick())
        .await
        .unwrap();
    let (ticket, buyer) = (Uuid::new_v4(), Uuid::new_v4());
    let own: Vec<_> = (0..5).map(|_| Uuid::new_v4()).collect();
    let commits: Vec<_> = (0..)
        .zip(&own)
        .map(|(version, order)| {
            let metadata = Metadata::of_request(Uuid::new_v4(), "request", "buyer", Utc::now());
            let place = (ORDERS, "ticket-orders", ticket.to_string());
            let event = placed(*order, ticket, buyer, Utc::now());
            HistoricalCommit::new(place, version, Uuid::new_v4(), metadata, &[event]).unwrap()
        })
        .collect();
    let mut import = world.log.importer().begin(ORDERS, 0);
    let at = import.append(&commits).await.unwrap();
    import.finish().await.unwrap();
    assert!(orders.runner().progress().wait_for(ORDERS, at, LONG).await);
    let (mut shown, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = orders.by_buyer(buyer, 2, cursor.as_deref()).await.unwrap();
        shown.extend(page.orders.iter().map(|order| order.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(shown, own);
}

#[tokio::test]
async fn overdue_are_unpaid_orders_whose_time_is_up() {
    let world = World::start().await;
    let orders = Orders::start(&world.log, &world.store, quick())
        .await
        .unwrap();
    let mut trader = world.trader();
    let now = Utc::now();
    let ticket = Uuid::new_v4();
    let (gone, _) = trader.order(ticket, Uuid::new_v4(), now).await;
    trader.cancel(ticket, gone, 1).await;
    let (later, _) = trader.order(ticket, Uuid::new_v4(), now).await;
    let sooner_at = now - Duration::nanoseconds(1);
    let sold = Uuid::new_v4();
    let (sooner, _) = trader.order(sold, Uuid::new_v4(), sooner_at).await;
    let not_yet = now + Duration::nanoseconds(1);
    let at = trader
        .order(Uuid::new_v4(), Uuid::new_v4(), not_yet)
        .await
        .1;
    assert!(orders.runner().progress().wait_for(ORDERS, at, LONG).await);
    assert_eq!(
        orders.overdue(now).await.unwrap(),
        [
            OverdueOrder {
                order: sooner,
                ticket: sold,
                expires_at: sooner_at,
            },
            OverdueOrder {
                order: later,
                ticket,
                expires_at: now,
            },
        ]
    );
}

#[tokio::test]
async fn an_order_that_stands_in_the_log_is_found_at_once() {
    let world = World::start().await;
    let orders = Orders::start(&world.log, &world.store, quick())
        .await
        .unwrap();
    let payable = PayableOrders::start(&world.log, &world.store, quick())
        .await
        .unwrap();
    let mut trader = world.trader();
    for _ in 0..30 {
        let (ticket, buyer) = (Uuid::new_v4(), Uuid::new_v4());
        let (order, _) = trader.order(ticket, buyer, Utc::now()).await;
        let (found, where_to) = tokio::join!(orders.find(order), payable.find(order));
        assert!(found.unwrap().is_some());
        let expected = PayableOrder {
            order,
            ticket,
            buyer,
        };
        assert_eq!(where_to.unwrap(), Some(expected));
    }
    assert!(orders.find(Uuid::new_v4()).await.unwrap().is_none());
    assert!(payable.find(Uuid::new_v4()).await.unwrap().is_none());
}
