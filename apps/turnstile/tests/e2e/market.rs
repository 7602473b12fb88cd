//! Buying and selling, from one end to the other.

use std::time::Duration;

use serde_json::json;
use testkit::{LONG, eventually};

use crate::support::{Browser, Sale, Site};

/// Signs up by the form.
async fn sign_up(browser: &Browser, email: &str) {
    browser.open("/signup").await;
    browser.fill("Email", email).await;
    browser.fill("Password", "correct horse").await;
    browser.press("Sign up").await;
    browser.see("Sign out").await;
}

#[tokio::test]
async fn a_ticket_goes_from_its_seller_to_its_buyer() {
    let site = Site::start().await;
    let seller = site.browser().await;
    sign_up(&seller, "seller@example.com").await;
    seller.press("Sell").await;
    seller.fill("Title", "Jazz Night, row 3").await;
    seller.fill("Price", "19.99").await;
    // The button shows the price, as it was parsed.
    seller.press("Offer it for $19.99").await;
    seller.see("This is your own ticket. It is for sale.").await;

    let buyer = site.browser().await;
    sign_up(&buyer, "buyer@example.com").await;
    buyer.open("/").await;
    buyer.see("Jazz Night, row 3").await;
    buyer.fill("Search", "rock").await;
    buyer.see("No tickets match").await;
    buyer.fill("Search", "jAzZ").await;
    buyer.press("Jazz Night, row 3").await;
    buyer.press("Buy for $19.99").await;
    buyer.see_path(|path| path.starts_with("/orders/")).await;
    buyer.see("Time left to pay").await;
    buyer.see("Pay for your ticket").await;

    buyer.fill("Card number", "4000 0000 0000 0002").await;
    buyer.press("Pay $19.99").await;
    buyer.see("Your card was declined.").await;
    assert_eq!(buyer.value("Card number").await, "4000 0000 0000 0002");
    buyer.fill("Card number", "4242 4242 4242 4242").await;
    buyer.press("Pay $19.99").await;
    buyer.see("The ticket is yours, and nobody else’s.").await;

    seller.press("Selling").await;
    seller.see("Earned\n$19.99").await;
    seller.see("Sold").await;
    buyer.press("My tickets").await;
    buyer.see("The ticket is yours").await;
}

#[tokio::test]
async fn the_time_left_follows_the_servers_clock_and_ends_with_the_hold() {
    let site = Site::start_with(&[("ORDER_HOLD_SECONDS", "8")]).await;
    let (seller, buyer) = (site.person().await, site.person().await);
    let ticket = seller.sell("Opera", 40.0).await;
    let browser = site.browser_of(&buyer, &format!("/tickets/{ticket}")).await;
    // A system clock that is wrong by an hour makes no difference.
    browser
        .script(
            "const real = Date.now; Date.now = () => real() + 3600e3",
            json!([]),
        )
        .await;
    browser.press("Buy for $40").await;
    browser.see("Time left to pay").await;
    let digits = "return document.getElementById('countdown').innerText";
    let first = browser.script(digits, json!([])).await;
    assert!(
        ["0:09", "0:08", "0:07", "0:06"].contains(&first.as_str().unwrap()),
        "{first}"
    );
    browser.see("This order expired").await;
    browser.see_gone("Time left to pay").await;
    browser.press("See the ticket").await;
    browser.see("Buy for $40").await;
}

#[tokio::test]
async fn cancelling_an_order_frees_the_ticket() {
    let Sale {
        site,
        buyer,
        ticket,
        ..
    } = Sale::start().await;
    let order = buyer.order(&ticket).await;
    let browser = site.browser_of(&buyer, &format!("/orders/{order}")).await;
    browser.press("Cancel the order").await;
    eventually("the keyboard is on the question", LONG, || async {
        browser.focused().await == "Keep it"
    })
    .await;
    browser.press("Give it back").await;
    browser
        .see("You gave the ticket back. Nothing was charged.")
        .await;
    browser.press("See the ticket").await;
    browser.see("Buy for $40").await;
}

#[tokio::test]
async fn a_double_click_orders_once() {
    let Sale {
        site,
        buyer,
        ticket,
        ..
    } = Sale::start().await;
    let browser = site.browser_of(&buyer, &format!("/tickets/{ticket}")).await;
    browser.see("Buy for $40").await;
    let count = "
        window.sent = 0;
        const real = window.fetch;
        window.fetch = (url, options) => {
            window.sent += options.method === 'POST';
            return real(url, options);
        }";
    browser.script(count, json!([])).await;
    browser.double_press("Buy for $40").await;
    browser.see_path(|path| path.starts_with("/orders/")).await;
    browser.see("Time left to pay").await;
    assert_eq!(browser.script("return window.sent", json!([])).await, 1);
    let orders = buyer.get("/api/orders").await.expect_status(200);
    assert_eq!(orders.json.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_changed_price_must_be_confirmed() {
    let Sale {
        site,
        seller,
        buyer,
        ticket,
    } = Sale::start().await;
    let path = format!("/tickets/{ticket}");
    let browser = site.browser_of(&buyer, &path).await;
    browser.see("Buy for $40").await;
    let dearer = json!({"title": "Opera", "price": 55});
    seller
        .put(&format!("/api{path}"), dearer)
        .await
        .assert_status(200);
    browser
        .see("The price changed from $40 to $55 while you were looking.")
        .await;
    browser.press("Buy for $55 now").await;
    browser.see_path(|path| path.starts_with("/orders/")).await;
    browser.see("$55").await;
}

/// The page without its stream: it gets no change.
const DEAF: &str = "
    window.EventSource = class { addEventListener() {} close() {} };
    window.EventSource.CLOSED = 2";

#[tokio::test]
async fn a_changed_title_must_be_confirmed() {
    let site = Site::start().await;
    let (seller, buyer) = (site.person().await, site.person().await);
    let ticket = seller.sell("FRONT ROW", 40.0).await;
    let path = format!("/tickets/{ticket}");
    let browser = site.browser_of(&buyer, &path).await;
    browser.see("Buy for $40").await;
    let change = |title: &str| {
        let body = json!({"title": title, "price": 40});
        seller.put(&format!("/api{path}"), body)
    };
    change("Row 9").await.assert_status(200);
    browser
        .see("The title changed from “FRONT ROW” to “Row 9”")
        .await;

    // And if the page doesn't get it: nothing is ordered, and it states why.
    browser.script_at_start(DEAF).await;
    browser.open(&path).await;
    browser.see("Buy for $40").await;
    change("Last row, restricted view").await.assert_status(200);
    browser.press("Buy for $40").await;
    browser.see("to “Last row, restricted view”").await;
    let orders = buyer.get("/api/orders").await.expect_status(200);
    assert_eq!(orders.json, json!([]));
    browser.press("Buy for $40 now").await;
    browser.see_path(|path| path.starts_with("/orders/")).await;
}

#[tokio::test]
async fn an_edit_never_reverts_a_change_made_elsewhere() {
    let site = Site::start().await;
    let seller = site.person().await;
    let ticket = seller.sell("Opera", 20.0).await;
    let path = format!("/tickets/{ticket}");
    let change = |title: &str, price: u32| {
        let body = json!({"title": title, "price": price});
        seller.put(&format!("/api{path}"), body)
    };
    let edit = format!("{path}/edit");
    let browser = site.browser_of(&seller, &edit).await;
    browser.fill("Title", "Opera, box 4").await;
    change("Opera", 30).await.assert_status(200);
    eventually("the price follows", LONG, || async {
        browser.value("Price").await == "30"
    })
    .await;
    assert_eq!(browser.value("Title").await, "Opera, box 4");

    // Changed on both sides: the page asks which version to keep.
    change("Opera, box 9", 30).await.assert_status(200);
    browser.see("The title is now “Opera, box 9”.").await;
    browser.press("Keep what I typed").await;
    browser.press("Save changes").await;
    browser.see("Your changes are saved").await;
    browser.see("Opera, box 4").await;
    browser.see("$30").await;

    // A page without the stream is refused, and then shows the changes.
    browser.script_at_start(DEAF).await;
    browser.open(&edit).await;
    browser.fill("Title", "Opera, box 5").await;
    change("Opera, box 4", 44).await.assert_status(200);
    browser.press("Save changes").await;
    browser.see("The price is now 44").await;
    eventually("the price follows", LONG, || async {
        browser.value("Price").await == "44"
    })
    .await;
    browser.press("Save changes").await;
    browser.see("Your changes are saved").await;
    browser.see("$44").await;
}

#[tokio::test]
async fn a_seller_withdraws_a_free_ticket() {
    let site = Site::start().await;
    let seller = site.person().await;
    let ticket = seller.sell("Opera", 20.0).await;
    let path = format!("/tickets/{ticket}");
    let browser = site.browser_of(&seller, &path).await;
    let onlooker = site.browser().await;
    onlooker.open("/").await;
    onlooker.see("Opera").await;
    browser.press("Withdraw the ticket").await;
    eventually("the keyboard is on the question", LONG, || async {
        browser.focused().await == "Keep it for sale"
    })
    .await;
    browser.press("Withdraw it").await;
    browser.see("You withdrew this ticket").await;
    onlooker.see("Withdrawn").await;
    onlooker.open(&path).await;
    onlooker.see("The seller withdrew this ticket").await;
    browser.press("Selling").await;
    browser.see("Withdrawn").await;
}

#[tokio::test]
async fn ambiguous_prices_are_refused() {
    let site = Site::start().await;
    let seller = site.person().await;
    let browser = site.browser_of(&seller, "/").await;
    browser.set_locale("de-DE").await;
    browser.open("/tickets/new").await;
    browser.fill("Title", "Oper").await;
    for (typed, said) in [
        ("1.000", "“1.000” could be 1.000 or 1000"),
        ("12.500", "“12.500” could be 12.500 or 12500"),
        ("€12", "Price is in USD here"),
        ("-5", "Price must be"),
        ("", "Price is required"),
    ] {
        browser.fill("Price", typed).await;
        assert!(!browser.text().await.contains("-5 $"), "no false preview");
        browser.press("Offer it").await;
        browser.see(said).await;
        browser.see_path(|path| path == "/tickets/new").await;
    }
    // In this visitor's format, and as pasted from elsewhere.
    browser.fill("Price", "1.234,56").await;
    browser.press("Offer it for 1.234,56 $").await;
    browser.see("1.234,56\u{a0}$").await;
    let mine = seller.get("/api/tickets/mine").await;
    assert_eq!(mine.json["tickets"][0]["price"], 1234.56);
}

#[tokio::test]
async fn a_long_title_is_reported_and_not_truncated() {
    let site = Site::start().await;
    let seller = site.person().await;
    let browser = site.browser_of(&seller, "/tickets/new").await;
    browser.fill("Title", &"a".repeat(201)).await;
    browser.see("201 of 200 characters.").await;
    browser.fill("Price", "20").await;
    browser.press("Offer it for $20.00").await;
    browser.see("Title must be at most 200 characters").await;
    assert_eq!(browser.value("Title").await.len(), 201);
}

#[tokio::test]
async fn every_page_shows_the_remaining_hold() {
    let Sale {
        site,
        buyer,
        ticket,
        ..
    } = Sale::start().await;
    let order = buyer.order(&ticket).await;
    let browser = site.browser_of(&buyer, "/").await;
    browser.see("Held for you: Opera").await;
    let title = "return document.title";
    eventually("the time is in the title", LONG, || async {
        let title = browser.script(title, json!([])).await;
        let title = title.as_str().unwrap().to_owned();
        // 14:59 · Tickets for sale · Turnstile
        let time = title.split(" · ").next().unwrap_or_default().to_owned();
        if time.starts_with("14:") && title.ends_with("Tickets for sale · Turnstile") {
            Ok(())
        } else {
            Err(title)
        }
    })
    .await;
    browser.set_width(360).await;
    browser.press("Go and pay").await;
    browser
        .see_path(|path| path == format!("/orders/{order}"))
        .await;
    browser.see("Pay $40").await;
    assert!(!browser.text().await.contains("Held for you: Opera"));
    let seen = "
        document.getElementById('pay').scrollIntoView({ block: 'end' });
        const box = document.getElementById('countdown').getBoundingClientRect();
        return document.elementFromPoint(box.left + 5, box.top + 5)?.closest('.countdown') !== null
            && box.top >= 0 && box.bottom <= innerHeight";
    assert_eq!(browser.script(seen, json!([])).await, true);
    // It is cancelled elsewhere.
    buyer.cancel(&order).await;
    browser.see("You gave the ticket back").await;
    browser.press("Buy").await;
    eventually("the title is without a time", LONG, || async {
        browser.script(title, json!([])).await == "Tickets for sale · Turnstile"
    })
    .await;
    assert!(!browser.text().await.contains("Held for you"));
}

#[tokio::test]
async fn errors_are_shown_next_to_their_field() {
    let site = Site::start().await;
    let browser = site.browser().await;
    browser.open("/signup").await;
    browser.fill("Email", "nobody").await;
    browser.fill("Password", "abc").await;
    browser.press("Sign up").await;
    browser.see("Email must be valid").await;
    browser
        .see("Password must be between 4 and 20 characters")
        .await;
    let described = "
        const input = document.getElementById(arguments[0]);
        const ids = (input.getAttribute('aria-describedby') || '').split(' ');
        return ids.map(id => document.getElementById(id).innerText).join(' ')";
    let email = browser.script(described, json!(["email"])).await;
    assert_eq!(email, "Email must be valid");
    // The input is still there, and the focus is on the invalid field.
    assert_eq!(browser.value("Email").await, "nobody");
    assert_eq!(browser.focused().await, "Email");
}

#[tokio::test]
async fn a_seller_edits_a_free_ticket() {
    let Sale {
        site,
        seller,
        buyer,
        ticket,
    } = Sale::start().await;
    let browser = site.browser_of(&seller, "/selling").await;
    browser.press("Edit Opera").await;
    browser.fill("Title", "").await;
    browser.press("Save changes").await;
    browser.see("Title is required").await;
    browser.fill("Title", "Opera, box 4").await;
    browser.fill("Price", "45.50").await;
    browser.press("Save changes").await;
    browser.see("$45.50").await;

    // While it is being edited again, another user orders it.
    browser.press("Edit").await;
    browser.fill("Title", "Opera, box 5").await;
    buyer.order(&ticket).await;
    browser.see("A buyer holds this ticket right now").await;
    let is_off = "
        const buttons = [...document.querySelectorAll('#content button')];
        const save = buttons.find(button => button.innerText === 'Save changes');
        return save.getAttribute('aria-disabled')";
    assert_eq!(browser.script(is_off, json!([])).await, "true");
    assert_eq!(browser.value("Title").await, "Opera, box 5");
}

#[tokio::test]
async fn the_first_content_appears_within_a_second() {
    let site = Site::start().await;
    let seller = site.person().await;
    seller.sell("Opera", 40.0).await;
    let browser = site.browser().await;
    browser.open("/").await;
    browser.see("Opera").await;
    let paint = "
        const entries = performance.getEntriesByName('first-contentful-paint');
        return entries.length ? entries[0].startTime : null";
    let first = eventually("something was painted", LONG, || async {
        browser.script(paint, json!([])).await.as_f64()
    })
    .await;
    // On a machine that may have other work: the page itself takes a tenth of it.
    let limit = Duration::from_secs(1);
    assert!(first < limit.as_secs_f64() * 1_000.0, "{first} ms");
}
