//! A busy market: others take tickets at a high rate, and the page doesn't shift.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{LONG, eventually};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::support::{Browser, Person, Site};

/// Number of tickets: more than are taken, and several pages of a list.
const TICKETS: usize = 120;

/// Records where a press lands, without following it; how far the page shifts; and how often a card
/// in view or out of it starts and pages showing that its ticket is taken.
const WATCH: &str = "
    window.hits = [];
    window.jumped = 0;
    window.taken = 0;
    window.freed = 0;
    addEventListener('click', event => {
        event.preventDefault();
        event.stopPropagation();
        window.hits.push(event.target.closest('.card')?.querySelector('a')?.href ?? '');
    }, true);
    new PerformanceObserver(list => {
        for (const entry of list.getEntries()) window.jumped += entry.value;
    }).observe({ type: 'layout-shift' });
    new MutationObserver(changes => {
        for (const { target, oldValue } of changes) {
            const [was, is] = [/\\btaken\\b/.test(oldValue), target.matches('.taken')];
            if (is && !was) window.taken += 1;
            if (was && !is) window.freed += 1;
        }
    }).observe(document.querySelector('.cards'), { subtree: true, attributes: true,
        attributeFilter: ['class'], attributeOldValue: true })";

/// A card in view, another at each call: the position of its middle, and its ticket.
const AIM: &str = "
    const cards = [...document.querySelectorAll('.cards .card')].filter(card => {
        const box = card.getBoundingClientRect();
        return box.top > 80 && box.bottom < innerHeight - 80;
    });
    const card = cards[arguments[0] % cards.length];
    const box = card.getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2, card.querySelector('a').href]";

/// A browser in the middle of a long list, and the IDs of its tickets.
async fn long_list(site: &Site, seller: &Person) -> (Browser, Vec<String>) {
    let titles: Vec<_> = (0..TICKETS)
        .map(|number| format!("Seat {number}"))
        .collect();
    let mut tickets = Vec::new();
    for some in titles.chunks(8) {
        tickets.extend(join_all(some.iter().map(|title| seller.sell(title, 10.0))).await);
    }
    let browser = site.browser().await;
    browser.open("/").await;
    browser.see("The first 24 tickets").await;
    eventually("the list is long", LONG, || async {
        let down = "
            scrollTo(0, document.body.scrollHeight);
            return document.querySelectorAll('.card').length";
        browser.script(down, json!([])).await.as_u64() >= Some(TICKETS as u64)
    })
    .await;
    browser
        .script("scrollTo(0, document.body.scrollHeight / 2)", json!([]))
        .await;
    browser.see_still().await;
    browser.script(WATCH, json!([])).await;
    (browser, tickets)
}

async fn count(browser: &Browser, name: &str) -> f64 {
    let script = format!("return window.{name}");
    browser.script(&script, json!([])).await.as_f64().unwrap()
}

#[tokio::test]
async fn presses_hit_their_targets_while_tickets_are_taken() {
    let site = Site::start().await;
    let (seller, buyer) = (site.person().await, site.person().await);
    let (browser, tickets) = long_list(&site, &seller).await;
    let mut aims = Vec::new();
    // Half a second passes between the look and the press, and in it a ticket is taken.
    let mut beat = interval(Duration::from_millis(500));
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat.tick().await;
    let begun = Instant::now();
    for press in 0..40 {
        let aim = browser.script(AIM, json!([press])).await;
        let [Value::Number(x), Value::Number(y), ticket] = &aim.as_array().unwrap()[..] else {
            panic!("no card: {aim}");
        };
        // From above, from below and from the visible part.
        let taken = &tickets[press * 7 % TICKETS];
        tokio::join!(buyer.order(taken), beat.tick());
        browser
            .press_at(x.as_f64().unwrap(), y.as_f64().unwrap())
            .await;
        aims.push(ticket.clone());
    }
    // Those that the page has shown by now, and not those that it will show in the end.
    assert_pace("taken", count(&browser, "taken").await, begun, 2.0);
    eventually("every press is heard", LONG, || async {
        browser.script("return window.hits.length", json!([])).await == json!(40)
    })
    .await;
    assert_eq!(
        browser.script("return window.hits", json!([])).await,
        json!(aims)
    );
    assert!(count(&browser, "jumped").await <= 0.1);
}

#[tokio::test]
async fn the_page_does_not_shift_at_38_holds_per_second() {
    let site = Site::start().await;
    let (seller, buyer) = (site.person().await, site.person().await);
    let (browser, tickets) = long_list(&site, &seller).await;
    let buyer = Arc::new(buyer);
    let before = browser.script("return scrollY", json!([])).await;
    // A hold that begins is one change, and one that ends another: for five seconds.
    let mut beat = interval(Duration::from_millis(1_000 * 2 / 38));
    let mut holds = Vec::new();
    let begun = Instant::now();
    for ticket in &tickets[..5 * 38 / 2] {
        beat.tick().await;
        let (buyer, ticket) = (Arc::clone(&buyer), ticket.clone());
        holds.push(tokio::spawn(async move {
            let order = buyer.order(&ticket).await;
            buyer.cancel(&order).await;
        }));
    }
    for hold in holds {
        hold.await.unwrap();
    }
    let shown = count(&browser, "taken").await + count(&browser, "freed").await;
    assert_pace("holds that begin or end", shown, begun, 38.0);
    browser.see_gone("Taken").await;
    let jumped = count(&browser, "jumped").await;
    assert!(jumped <= 0.1, "{jumped}");
    assert_eq!(browser.script("return scrollY", json!([])).await, before);
}

/// Fails if the market was much slower than intended: then the test proves nothing about a busy
/// one. The limit is a fourth of the intended rate, since the machine may have other work.
fn assert_pace(what: &str, count: f64, since: Instant, per_second: f64) {
    let reached = count / since.elapsed().as_secs_f64();
    eprintln!("{what}: {reached:.2} a second, meant to be {per_second}");
    assert!(
        reached >= per_second / 4.0,
        "{what}: only {reached:.2} a second, and {per_second} were meant to be"
    );
}
