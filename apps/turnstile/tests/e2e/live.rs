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
