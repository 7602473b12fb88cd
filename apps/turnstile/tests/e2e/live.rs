//! What happens elsewhere is seen without a reload.

use serde_json::json;
use testkit::{LONG, eventually};

use crate::support::Stage;

#[tokio::test]
async fn a_ticket_that_is_ordered_elsewhere_leaves_the_list_and_comes_back() {
    let stage = Stage::set().await;
    let (seller, buyer) = (stage.visitor().await, stage.visitor().await);
    let opera = seller.offers("Opera", 40.0).await;
    seller.offers("Jazz", 20.0).await;
    let browser = stage.browser().await;
    browser.open("/").await;
    browser.see("Opera").await;
    browser
        .script("window.sameDocument = true", json!([]))
        .await;

    let order = buyer.orders(&opera).await;
    browser.see("Just taken").await;
    browser.see_gone("Opera").await;
    browser.see("1 ticket").await;
    buyer.cancels(&order).await;
    browser.see("Opera").await;
    let same = browser
        .script("return window.sameDocument === true", json!([]))
        .await;
    assert_eq!(same, true, "the page was reloaded");
}

#[tokio::test]
async fn new_tickets_are_announced_and_shown_on_demand() {
    let stage = Stage::set().await;
    let seller = stage.visitor().await;
    seller.offers("Opera", 40.0).await;
    let browser = stage.browser().await;
    browser.open("/").await;
    browser.see("Opera").await;
    // Once the stream is open, the list is read once more; only then is anything new.
    let reads = "
        const all = performance.getEntriesByType('resource');
        return all.filter(one => one.name.includes('/api/tickets?')).length";
    eventually("the list was read twice", LONG, || async {
        browser.script(reads, json!([])).await.as_u64() >= Some(2)
    })
    .await;
    seller.offers("Jazz", 20.0).await;
    browser.press("Show 1 new ticket").await;
    browser.see("Jazz").await;
    browser.see("2 tickets").await;
}

#[tokio::test]
async fn a_ticket_page_tells_who_holds_it() {
    let stage = Stage::set().await;
    let (seller, buyer) = (stage.visitor().await, stage.visitor().await);
    let ticket = seller.offers("Opera", 40.0).await;
    let path = format!("/tickets/{ticket}");
    let onlooker = stage.browser().await;
    onlooker.open(&path).await;
    onlooker.see("Buy for $40").await;

    let order = buyer.orders(&ticket).await;
    onlooker
        .see("Somebody else holds this ticket right now.")
        .await;
    let holder = stage.browser_of(&buyer, &path).await;
    holder.see("You hold this ticket.").await;
    buyer.pays(&order).await;
    onlooker.see("This ticket is sold.").await;
    holder.see("This ticket is yours.").await;
}

/// Keeps the second answer about the ticket back until it is asked for.
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
async fn an_answer_that_is_long_on_its_way_hides_nothing_newer() {
    let stage = Stage::set().await;
    let seller = stage.visitor().await;
    let ticket = seller.offers("Opera", 40.0).await;
    let browser = stage.browser().await;
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
    // The stream is open, and what is shown is read again.
    is("held").await;
    let dearer = json!({"title": "Opera", "price": 55});
    let change = seller.client.put(&format!("/api/tickets/{ticket}"), dearer);
    change.await.assert_status(200);
    browser.see("$55").await;
    browser.script("window.release()", json!([])).await;
    is("delivered").await;
    let text = browser.text().await;
    assert!(text.contains("from $40 to $55"), "{text}");
}

#[tokio::test]
async fn an_order_that_is_paid_elsewhere_is_seen_as_paid() {
    let stage = Stage::set().await;
    let (seller, buyer) = (stage.visitor().await, stage.visitor().await);
    let ticket = seller.offers("Opera", 40.0).await;
    let order = buyer.orders(&ticket).await;
    let browser = stage.browser_of(&buyer, &format!("/orders/{order}")).await;
    browser.see("Time left to pay").await;
    buyer.pays(&order).await;
    browser.see("The ticket is yours, and nobody else’s.").await;
}

#[tokio::test]
async fn a_long_list_loads_as_one_scrolls() {
    let stage = Stage::set().await;
    let seller = stage.visitor().await;
    for number in 0..60 {
        seller.offers(&format!("Seat {number}"), 10.0).await;
    }
    let browser = stage.browser().await;
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
