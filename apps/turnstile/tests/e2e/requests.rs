//! The page's requests to the server while others trade.

use std::future::Future;

use futures_util::future::join_all;
use serde_json::json;
use testkit::{LONG, eventually};

use crate::support::{Browser, Person, Site};

/// Listens next to the page, to know when the page has received a change.
const LISTEN: &str = "
    window.heard = new Set();
    const stream = new EventSource('/api/tickets/events');
    stream.addEventListener('ticket', event => window.heard.add(JSON.parse(event.data).title));
    return new Promise(resolve => stream.addEventListener('open', () => resolve()))";

/// Waits until no request was sent for a while.
const SEE_QUIET: &str = "
    return new Promise(resolve => {
        let timer;
        const later = () => {
            clearTimeout(timer);
            timer = setTimeout(resolve, 1000);
        };
        new PerformanceObserver(later).observe({ type: 'resource' });
        later();
    })";

/// The requests, except for the streams.
const ASKED: &str = "
    const all = performance.getEntriesByType('resource').map(one => new URL(one.name));
    return all.map(url => url.pathname + url.search).filter(path => !path.endsWith('/events'))";

/// Notes from now on which requests were answered with an order that hasn't ended.
const NOTE_OPEN_ORDERS: &str = "
    window.open = [];
    const real = window.fetch;
    window.fetch = async (...all) => {
        const answer = await real(...all);
        const url = new URL(all[0].url ?? String(all[0]), location);
        if (/^\\/api\\/orders\\/[0-9a-f-]{36}$/.test(url.pathname)) {
            const { status } = await answer.clone().json();
            if (status === 'created' || status === 'awaiting:payment') window.open.push(url.pathname);
        }
        return answer;
    }";

/// The page's requests during an activity, and until it has received all changes.
async fn asked_during(
    browser: &Browser,
    seller: &Person,
    what: impl Future<Output = ()>,
) -> Vec<String> {
    browser.script(LISTEN, json!([])).await;
    browser.script(SEE_QUIET, json!([])).await;
    browser
        .script("performance.clearResourceTimings()", json!([]))
        .await;
    what.await;
    seller.sell("The last one", 10.0).await;
    eventually("the page has heard of all of it", LONG, || async {
        let heard = "return window.heard.has('The last one')";
        browser.script(heard, json!([])).await == true
    })
    .await;
    browser.script(SEE_QUIET, json!([])).await;
    let asked = browser.script(ASKED, json!([])).await;
    serde_json::from_value(asked).unwrap()
}

/// The number of answers that were noted.
async fn open_orders(browser: &Browser) -> usize {
    let open = browser.script("return window.open.length", json!([])).await;
    serde_json::from_value(open).unwrap()
}

/// This number of holds that begin and end, one after another on each of these tickets.
async fn holds(buyer: &Person, tickets: &[String]) {
    for ticket in tickets {
        let order = buyer.order(ticket).await;
        buyer.cancel(&order).await;
    }
}

#[tokio::test]
async fn unrelated_events_cause_no_requests() {
    let site = Site::start().await;
    let (seller, buyer, other) = (
        site.person().await,
        site.person().await,
        site.person().await,
    );
    let titles: Vec<_> = (0..8).map(|number| format!("Seat {number}")).collect();
    let tickets = join_all(titles.iter().map(|title| seller.sell(title, 10.0))).await;
    let order = buyer.order(&tickets[0]).await;
    let buyers = [
        ("/".to_owned(), "Seat 7"),
        ("/orders".to_owned(), "left to pay"),
        (format!("/orders/{order}"), "Pay $10"),
        (format!("/tickets/{}", tickets[1]), "Buy for $10"),
    ];
    let sellers = [("/selling".to_owned(), "Held by a buyer")];
    for (visitor, pages) in [(&buyer, &buyers[..]), (&seller, &sellers[..])] {
        let browser = site.browser_of(visitor, "/").await;
        for (path, says) in pages {
            browser.open(path).await;
            browser.see(says).await;
            let asked = asked_during(&browser, &seller, holds(&other, &tickets[2..])).await;
            assert!(asked.is_empty(), "{path}: {asked:#?}");
        }
    }
}

#[tokio::test]
async fn a_related_event_causes_one_request() {
    let site = Site::start().await;
    let (seller, buyer, other) = (
        site.person().await,
        site.person().await,
        site.person().await,
    );
    let mut orders = Vec::new();
    for number in 0..4 {
        let ticket = seller.sell(&format!("Seat {number}"), 10.0).await;
        orders.push(buyer.order(&ticket).await);
    }
    let watched = seller.sell("Box 4", 10.0).await;
    let no_lists = |path: &str, asked: &[String], at_most: usize| {
        let is_one = |asked: &String| {
            asked == "/api/users/currentuser"
                || asked
                    .strip_prefix("/api/orders/")
                    .is_some_and(|id| id.len() == 36)
        };
        assert!(asked.iter().all(is_one), "{path}: {asked:#?}");
        assert!((1..=at_most).contains(&asked.len()), "{path}: {asked:#?}");
    };
    let browser = site.browser_of(&buyer, "/orders").await;
    browser.see("left to pay").await;
    let pays = async {
        for order in &orders[..3] {
            buyer.pay(order).await;
        }
    };
    // One that is behind its ticket is read again; once it has ended, it isn't.
    browser.script(NOTE_OPEN_ORDERS, json!([])).await;
    let asked = asked_during(&browser, &seller, pays).await;
    no_lists("/orders", &asked, 3 + open_orders(&browser).await);
    browser.see("The ticket is yours").await;

    // The page and the list that all pages share.
    let path = format!("/orders/{}", orders[3]);
    browser.open(&path).await;
    browser.see("Pay $10").await;
    browser.script(NOTE_OPEN_ORDERS, json!([])).await;
    let asked = asked_during(&browser, &seller, buyer.pay(&orders[3])).await;
    no_lists(&path, &asked, 2 + open_orders(&browser).await);
    browser.see("nobody else’s").await;

    // The order's owner, and the session: it belongs to another user.
    let path = format!("/tickets/{watched}");
    browser.open(&path).await;
    browser.see("Buy for $10").await;
    let taken = vec![watched.clone(); 3];
    let asked = asked_during(&browser, &seller, holds(&other, &taken)).await;
    no_lists(&path, &asked, 6);

    // It is the visitor's own, placed elsewhere.
    let placed = async {
        buyer.order(&watched).await;
    };
    let asked = asked_during(&browser, &seller, placed).await;
    no_lists(&path, &asked, 1);
    browser.see("You hold this ticket.").await;
}
