//! The read model of tickets, on real servers.

use crate::support::{Trader, World};
use api::{Amount, TicketSort, TicketStatus};
use event_streams::TICKETS;
use projections::ReadError;
use read_models::{tickets::TicketQuery, tickets::Tickets};
use testkit::LONG;
use uuid::Uuid;

async fn start(world: &World) -> (Tickets, Trader) {
    let tickets = world.tickets().await;
    (tickets, world.trader())
}

async fn applied(tickets: &Tickets, sequence: u64) {
    let progress = tickets.runner().progress();
    assert!(
        progress.wait_for(TICKETS, sequence, LONG).await,
        "{:?}",
        tickets.runner().state()
    );
}

/// The titles on one page, and the cursor of the next.
async fn titles(tickets: &Tickets, query: &TicketQuery) -> (Vec<String>, Option<String>) {
    let page = tickets.list(query).await.unwrap();
    let found: Vec<api::Ticket> = serde_json::from_slice(&page.bytes).unwrap();
    let titles = found.into_iter().map(|ticket| ticket.title).collect();
    (titles, page.next.clone())
}

#[tokio::test]
async fn a_ticket_shows_each_change_once_it_is_applied() {
    let world = World::start().await;
    let (tickets, mut trader) = start(&world).await;
    let (seller, order) = (Uuid::new_v4(), Uuid::new_v4());

    let (id, at) = trader.list(seller, "Concert", 2_000).await;
    applied(&tickets, at).await;
    let mut expected = api::Ticket {
        id,
        title: "Concert".into(),
        price: Amount::from_cents(2_000),
        user_id: seller,
        version: 0,
        order_id: None,
        status: TicketStatus::Open,
    };
    assert_eq!(tickets.get(id).await.unwrap().as_ref(), Some(&expected));
    let rendered = tickets.find(id).await.unwrap().unwrap();
    let shown: api::Ticket = serde_json::from_slice(&rendered.bytes).unwrap();
    assert_eq!(shown, expected);

    let at = trader.revise(id, "Opera", 2_550).await;
    applied(&tickets, at).await;
    expected.title = "Opera".into();
    expected.price = Amount::from_cents(2_550);
    expected.version = 1;
    assert_eq!(tickets.get(id).await.unwrap().as_ref(), Some(&expected));
    let again = tickets.find(id).await.unwrap().unwrap();
    assert_ne!(again.digest, rendered.digest);

    let at = trader.reserve(id, order).await;
    applied(&tickets, at).await;
    expected.order_id = Some(order);
    expected.status = TicketStatus::Reserved;
    expected.version = 2;
    assert_eq!(tickets.get(id).await.unwrap().as_ref(), Some(&expected));

    let at = trader.release(id, order).await;
    applied(&tickets, at).await;
    expected.order_id = None;
    expected.status = TicketStatus::Open;
    expected.version = 3;
    assert_eq!(tickets.get(id).await.unwrap().as_ref(), Some(&expected));

    assert!(tickets.find(Uuid::new_v4()).await.unwrap().is_none());
}

#[tokio::test]
async fn the_list_shows_what_is_for_sale_in_the_order_asked_for_page_by_page() {
    let world = World::start().await;
    let (tickets, mut trader) = start(&world).await;
    let seller = Uuid::new_v4();
    let mut ids = Vec::new();
    let mut last = 0;
    for (text, cents) in [("a", 300), ("b", 100), ("c", 200), ("d", 100), ("e", 500)] {
        let (id, at) = trader.list(seller, text, cents).await;
        ids.push(id);
        last = at;
    }
    applied(&tickets, last).await;

    for (sort, expected) in [
        (TicketSort::Newest, ["e", "d", "c", "b", "a"]),
        (TicketSort::PriceUp, ["d", "b", "c", "a", "e"]),
        (TicketSort::PriceDown, ["e", "a", "c", "b", "d"]),
    ] {
        for limit in 1..=6 {
            let mut query = TicketQuery {
                sort,
                limit: Some(limit),
                ..TicketQuery::default()
            };
            let mut all = Vec::new();
            loop {
                let (page, next) = titles(&tickets, &query).await;
                assert!(page.len() <= limit as usize);
                all.extend(page);
                query.cursor = next;
                if query.cursor.is_none() {
                    break;
                }
            }
            assert_eq!(all, expected, "{sort:?} by {limit}");
        }
    }

    trader.reserve(ids[0], Uuid::new_v4()).await;
    trader.reserve(ids[1], Uuid::new_v4()).await;
    let at = trader.sell(ids[1], Uuid::new_v4()).await;
    applied(&tickets, at).await;
    let (shown, _) = titles(&tickets, &TicketQuery::default()).await;
    assert_eq!(shown, ["e", "d", "c"]);
}

#[tokio::test]
async fn a_search_ignores_case_and_patterns() {
    let world = World::start().await;
    let (tickets, mut trader) = start(&world).await;
    let mut last = 0;
    for text in ["Jazz Night", "ÜBER-jazz (live)", "Opera", "100% a.b"] {
        last = trader.list(Uuid::new_v4(), text, 100).await.1;
    }
    applied(&tickets, last).await;
    for (q, expected) in [
        ("JAZZ", vec!["ÜBER-jazz (live)", "Jazz Night"]),
        ("über", vec!["ÜBER-jazz (live)"]),
        ("(LIVE)", vec!["ÜBER-jazz (live)"]),
        ("jazz  night", vec!["Jazz Night"]),
        ("a.b", vec!["100% a.b"]),
        ("0% A", vec!["100% a.b"]),
        ("night JAZZ", vec!["Jazz Night"]),
        ("uber", vec!["ÜBER-jazz (live)"]),
        ("U\u{308}ber live", vec!["ÜBER-jazz (live)"]),
        ("jazz opera", vec![]),
        (".*", vec![]),
        ("a\0", vec![]),
        ("[", vec![]),
        ("\\", vec![]),
    ] {
        let query = TicketQuery {
            q: Some(q.into()),
            ..TicketQuery::default()
        };
        assert_eq!(titles(&tickets, &query).await.0, expected, "{q:?}");
    }
    let query = TicketQuery {
        q: Some("x".repeat(100_000)),
        ..TicketQuery::default()
    };
    assert!(titles(&tickets, &query).await.0.is_empty());
}

#[tokio::test]
async fn prices_bound_the_list_on_both_sides() {
    let world = World::start().await;
    let (tickets, mut trader) = start(&world).await;
    let mut last = 0;
    for cents in [100, 200, 300] {
        last = trader
            .list(Uuid::new_v4(), &cents.to_string(), cents)
            .await
            .1;
    }
    applied(&tickets, last).await;
    for (min, max, expected) in [
        (Some(200), None, vec!["300", "200"]),
        (None, Some(200), vec!["200", "100"]),
        (Some(101), Some(299), vec!["200"]),
        (Some(300), Some(100), vec![]),
        (Some(u64::MAX), None, vec![]),
    ] {
        let query = TicketQuery {
            min_price: min,
            max_price: max,
            ..TicketQuery::default()
        };
        assert_eq!(titles(&tickets, &query).await.0, expected);
    }
}

#[tokio::test]
async fn a_cursor_that_the_list_did_not_give_out_is_refused() {
    let world = World::start().await;
    let (tickets, _) = start(&world).await;
    let query = TicketQuery {
        cursor: Some("nonsense".into()),
        ..TicketQuery::default()
    };
    assert!(matches!(
        tickets.list(&query).await,
        Err(ReadError::BadCursor)
    ));
    let by_seller = tickets.by_seller(Uuid::new_v4(), 10, Some("nonsense"));
    assert!(matches!(by_seller.await, Err(ReadError::BadCursor)));
}

#[tokio::test]
async fn a_seller_sees_all_own_tickets_and_what_they_earned() {
    let world = World::start().await;
    let (tickets, mut trader) = start(&world).await;
    let (seller, order) = (Uuid::new_v4(), Uuid::new_v4());
    let mut ids = Vec::new();
    for cents in [1_999, 500, 2_001] {
        ids.push(trader.list(seller, "mine", cents).await.0);
    }
    trader.list(Uuid::new_v4(), "another's", 100).await;
    trader.sell(ids[0], order).await;
    trader.sell(ids[2], order).await;
    let at = trader.reserve(ids[1], order).await;
    applied(&tickets, at).await;

    let first = tickets.by_seller(seller, 2, None).await.unwrap();
    let shown: Vec<_> = first.tickets.iter().map(|ticket| ticket.id).collect();
    assert_eq!(shown, [ids[2], ids[1]]);
    assert_eq!(first.earned, Amount::from_cents(4_000));
    let rest = tickets.by_seller(seller, 2, first.next.as_deref()).await;
    let rest = rest.unwrap();
    assert_eq!(rest.tickets.len(), 1);
    assert_eq!((rest.tickets[0].id, rest.next), (ids[0], None));
}
