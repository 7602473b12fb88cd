//! Changes by others are visible without a reload.

use serde_json::json;
use testkit::{LONG, eventually};

use crate::support::{Browser, Sale, Site};

/// The tickets under this number of points, spread over the visible part of the list.
const AIMED_AT: &str = "
    const cards = [...document.querySelectorAll('.cards .card')]
        .map(card => card.getBoundingClientRect())
        .filter(box => box.top > 80 && box.bottom < innerHeight - 80);
    window.aims ??= cards.map(box => [box.left + box.width / 2, box.top + box.height / 2]);
    return window.aims.map(([x, y]) => document.elementFromPoint(x, y)?.closest('a, .card')
        ?.querySelector?.('a')?.href ?? document.elementFromPoint(x, y)?.href ?? '')";

/// Adds up how much the page shifts from now on.
const WATCH_JUMPS: &str = "
    window.jumped = 0;
    new PerformanceObserver(list => {
        for (const entry of list.getEntries()) window.jumped += entry.value;
    }).observe({ type: 'layout-shift' })";

/// Once the stream is open, the list is read once more; only after that are changes new.
async fn see_list_read_again(browser: &Browser) {
    let reads = "
        const all = performance.getEntriesByType('resource');
        return all.filter(one => one.name.includes('/api/tickets?')).length";
    eventually("the list was read twice", LONG, || async {
        browser.script(reads, json!([])).await.as_u64() >= Some(2)
    })
    .await;
}

#[tokio::test]
async fn an_ordered_ticket_keeps_its_place_in_the_list() {
    let site = Site::start().await;
    let (seller, buyer) = (site.person().await, site.person().await);
    let opera = seller.sell("Opera", 40.0).await;
    seller.sell("Jazz", 20.0).await;
    let browser = site.browser().await;
    browser.open("/").await;
    browser.see("Opera").await;
    browser
        .script("window.sameDocument = true", json!([]))
        .await;

    let order = buyer.order(&opera).await;
    browser.see("Taken").await;
    browser.see("1 ticket").await;
    browser.see("Opera").await;
    buyer.cancel(&order).await;
    browser.see_gone("Taken").await;
    browser.see("2 tickets").await;
    let same = browser
        .script("return window.sameDocument === true", json!([]))
        .await;
    assert_eq!(same, true, "the page was reloaded");

    // After a reload, the page shows the tickets for sale.
    buyer.order(&opera).await;
    browser.see("Taken").await;
    browser.reload().await;
    browser.see("1 ticket").await;
    browser.see_gone("Opera").await;
}

#[tokio::test]
async fn nothing_moves_under_the_pointer_while_others_take_tickets() {
    let site = Site::start().await;
    let (seller, buyer) = (site.person().await, site.person().await);
    let mut tickets = Vec::new();
    for number in 0..120 {
        tickets.push(seller.sell(&format!("Seat {number}"), 10.0).await);
    }
    let browser = site.browser().await;
    browser.open("/").await;
    browser.see("Seat 119").await;
    // To the middle of a list of several pages.
    eventually("the list is long", LONG, || async {
        let down = "
            scrollTo(0, document.body.scrollHeight);
            return document.querySelectorAll('.card').length";
        browser.script(down, json!([])).await.as_u64() >= Some(120)
    })
    .await;
    browser
        .script("scrollTo(0, document.body.scrollHeight / 2)", json!([]))
        .await;
    browser.script(WATCH_JUMPS, json!([])).await;
    let aims = browser.script(AIMED_AT, json!([])).await;
    let count = aims.as_array().unwrap().len();
    assert!(count >= 10, "{aims}");

    // From above, from below and from the visible part.
    let mut missed = 0;
    for (taken, number) in (0..120).step_by(6).enumerate() {
        buyer.order(&tickets[number]).await;
        let said = format!("{} tickets", 119 - taken);
        browser.see(&said).await;
        let now = browser.script(AIMED_AT, json!([])).await;
        let pairs = aims.as_array().unwrap().iter().zip(now.as_array().unwrap());
        missed += pairs.filter(|(aim, hit)| aim != hit).count();
    }
    assert_eq!(missed, 0, "of {} presses", 20 * count);

    // As many at once as in a busy market.
    let holds = (0..120).filter(|number| number % 6 != 0).map(|number| {
        let (buyer, ticket) = (&buyer, &tickets[number]);
        async move {
            let order = buyer.order(ticket).await;
            buyer.cancel(&order).await;
        }
    });
    futures_util::future::join_all(holds).await;
    let now = browser.script(AIMED_AT, json!([])).await;
    assert_eq!(now, aims);
    let jumped = browser.script("return window.jumped", json!([])).await;
    assert!(jumped.as_f64() <= Some(0.1), "{jumped}");
}

#[tokio::test]
async fn a_ticket_that_no_longer_matches_stays_and_is_marked() {
    let site = Site::start().await;
    let seller = site.person().await;
    let opera = seller.sell("Opera", 10.0).await;
    seller.sell("Beyonce\u{301} in Ko\u{308}ln", 15.0).await;
    let browser = site.browser().await;
    browser.open("/?max=20&sort=price").await;
    browser.see("2 tickets").await;
    let change = |price: u32| {
        let body = json!({"title": "Opera", "price": price});
        seller.put(&format!("/api/tickets/{opera}"), body)
    };
    change(500).await.assert_status(200);
    browser.see("No longer fits").await;
    browser.see("$500").await;
    change(18).await.assert_status(200);
    browser.see("was $10").await;
    browser.see_gone("No longer fits").await;
    // A new one that the search would find is counted, in any spelling.
    browser.open("/?q=k%C3%B6ln+BEYONCE").await;
    browser.see("for sale").await;
    seller.sell("Beyoncé, Köln, row 2", 15.0).await;
    browser.see("Show 1 new ticket").await;
}

#[tokio::test]
async fn live_regions_announce_searches_and_not_each_hold() {
    let site = Site::start().await;
    let (seller, buyer) = (site.person().await, site.person().await);
    let opera = seller.sell("Opera", 40.0).await;
    let browser = site.browser().await;
    browser.open("/").await;
    browser.see("Opera").await;
    let watch = "
        window.spoken = [];
        const region = document.querySelector('#content > [role=status]');
        new MutationObserver(() => window.spoken.push(region.innerText))
            .observe(region, { childList: true, characterData: true, subtree: true });
        return region.innerText";
    assert_eq!(browser.script(watch, json!([])).await, "1 ticket");
    for _ in 0..5 {
        let order = buyer.order(&opera).await;
        browser.see("Taken").await;
        buyer.cancel(&order).await;
        browser.see_gone("Taken").await;
    }
    for number in 0..3 {
        seller.sell(&format!("Jazz {number}"), 20.0).await;
    }
    browser.see("Show 3 new tickets").await;
    let spoken = browser.script("return window.spoken", json!([])).await;
    assert_eq!(spoken, json!([]));
    browser.fill("Search", "opera").await;
    browser.see_path(|path| path == "/?q=opera").await;
    browser.fill("Search", "jazz").await;
    eventually("the search is told", LONG, || async {
        let spoken = browser.script("return window.spoken", json!([])).await;
        if spoken == json!(["3 tickets"]) {
            Ok(())
        } else {
            Err(spoken)
        }
    })
    .await;
}

#[tokio::test]
async fn new_tickets_are_announced_and_shown_on_demand() {
    let site = Site::start().await;
    let seller = site.person().await;
    seller.sell("Opera", 40.0).await;
    let browser = site.browser().await;
    browser.open("/").await;
    browser.see("Opera").await;
    see_list_read_again(&browser).await;
    seller.sell("Jazz", 20.0).await;
    browser.press("Show 1 new ticket").await;
    browser.see("Jazz").await;
    browser.see("2 tickets").await;
}

#[tokio::test]
async fn a_ticket_page_shows_whether_it_is_held() {
    let Sale {
        site,
        buyer,
        ticket,
        ..
    } = Sale::start().await;
    let path = format!("/tickets/{ticket}");
    let onlooker = site.browser().await;
    onlooker.open(&path).await;
    onlooker.see("Buy for $40").await;

    let order = buyer.order(&ticket).await;
    onlooker
        .see("Somebody else holds this ticket right now.")
        .await;
    let holder = site.browser_of(&buyer, &path).await;
    holder.see("You hold this ticket.").await;
    buyer.pay(&order).await;
    onlooker.see("This ticket is sold.").await;
    holder.see("This ticket is yours.").await;
}

/// The first answer about a single order is that of a server that is behind.
const BEHIND: &str = "
    const real = window.fetch;
    let asked = 0;
    window.fetch = async (...all) => {
        const answer = await real(...all);
        const url = all[0].url ?? String(all[0]);
        if (!/\\/api\\/orders\\/[0-9a-f-]{36}$/.test(url) || ++asked > 1) return answer;
        const order = await answer.json();
        const behind = { ...order, status: 'created', version: order.version - 1 };
        return new Response(JSON.stringify(behind), { headers: answer.headers });
    }";

#[tokio::test]
async fn a_payment_elsewhere_is_shown_before_the_order_follows() {
    let Sale {
        site,
        buyer,
        ticket,
        ..
    } = Sale::start().await;
    let order = buyer.order(&ticket).await;
    let holder = site.browser_of(&buyer, "/").await;
    holder.script_at_start(BEHIND).await;
    holder.open(&format!("/tickets/{ticket}")).await;
    holder.see("You hold this ticket.").await;
    buyer.pay(&order).await;
    holder.see("This ticket is yours.").await;
    holder.see_gone("Go and pay").await;
}

/// Holds the second response about the ticket back until it is requested.
const SLOW: &str = "
    const real = window.fetch;
    let asked = 0;
    window.fetch = async (...all) => {
        const url = all[0].url ?? String(all[0]);
        const isIt = /\\/api\\/tickets\\/[0-9a-f-]{36}$/.test(url);
        const number = isIt ? ++asked : 0;
        const answer = await real(...all);
        if (number === 2) {
            window.held = true;
            await new Promise(resolve => { window.release = resolve; });
            requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => {
                window.delivered = true;
            }, 50)));
        }
        return answer;
    }";

#[tokio::test]
async fn a_late_response_hides_nothing_newer() {
    let site = Site::start().await;
    let seller = site.person().await;
    let ticket = seller.sell("Opera", 40.0).await;
    let browser = site.browser().await;
    browser.script_at_start(SLOW).await;
    browser.open(&format!("/tickets/{ticket}")).await;
    browser.see("Buy for $40").await;
    let is = |name: &'static str| {
        let browser = &browser;
        async move {
            eventually(name, LONG, || async {
                let script = "return window[arguments[0]] === true";
                browser.script(script, json!([name])).await == true
            })
            .await;
        }
    };
    // The stream is open, and the page's data is read again.
    is("held").await;
    let dearer = json!({"title": "Opera", "price": 55});
    let change = seller.put(&format!("/api/tickets/{ticket}"), dearer);
    change.await.assert_status(200);
    browser.see("$55").await;
    browser.script("window.release()", json!([])).await;
    is("delivered").await;
    let text = browser.text().await;
    assert!(text.contains("from $40 to $55"), "{text}");
}

#[tokio::test]
async fn an_order_paid_elsewhere_is_shown_as_paid() {
    let Sale {
        site,
        buyer,
        ticket,
        ..
    } = Sale::start().await;
    let order = buyer.order(&ticket).await;
    let browser = site.browser_of(&buyer, &format!("/orders/{order}")).await;
    browser.see("Time left to pay").await;
    buyer.pay(&order).await;
    browser.see("The ticket is yours, and nobody else’s.").await;
}

#[tokio::test]
async fn scrolling_loads_a_long_list() {
    let site = Site::start().await;
    let seller = site.person().await;
    for number in 0..60 {
        seller.sell(&format!("Seat {number}"), 10.0).await;
    }
    let browser = site.browser().await;
    browser.open("/").await;
    browser.see("Seat 59").await;
    eventually("all are shown", LONG, || async {
        browser
            .script("scrollTo(0, document.body.scrollHeight)", json!([]))
            .await;
        browser.text().await.contains("60 tickets")
    })
    .await;
    let cards = browser
        .script(
            "return document.querySelectorAll('.card').length",
            json!([]),
        )
        .await;
    assert_eq!(cards, 60);
}

#[tokio::test]
async fn live_matches_equal_the_search_of_the_server() {
    let site = Site::start().await;
    let seller = site.person().await;
    let browser = site.browser().await;
    browser.open("/").await;
    see_list_read_again(&browser).await;
    for (search, title) in [
        ("malmo", "MALMØ live"),
        ("lodz", "Łódź"),
        ("dakovo", "Đakovo"),
        ("guns n' roses", "Guns N’ Roses"),
        ("\"live\"", "“Live” at home"),
        ("ISTANBUL", "ıstanbul"),
        ("STRASSE", "Straße der Lieder"),
        ("μους", "ΜΟΥΣ"),
    ] {
        browser.fill("Search", search).await;
        browser.see("No tickets match").await;
        seller.sell(title, 10.0).await;
        // Counted by the page, and then found by the server.
        browser.press("Show 1 new ticket").await;
        browser.see("1 ticket").await;
        browser.see(title).await;
    }
}

#[tokio::test]
async fn a_page_catches_up_after_sleeping() {
    let site = Site::start().await;
    let (seller, buyer) = (site.person().await, site.person().await);
    let opera = seller.sell("Opera", 40.0).await;
    let browser = site.browser().await;
    browser.open("/").await;
    browser.see("Opera").await;
    browser.set_asleep(true).await;
    browser.set_offline(true).await;
    buyer.order(&opera).await;
    browser.set_offline(false).await;
    browser.set_asleep(false).await;
    browser.see("Taken").await;
}
