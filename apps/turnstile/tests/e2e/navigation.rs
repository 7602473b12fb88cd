//! Addresses, back and forward.

use serde_json::json;
use testkit::{LONG, eventually};

use crate::support::{Sale, Site};

#[tokio::test]
async fn signing_in_leads_to_the_deep_link() {
    let Sale {
        site,
        buyer,
        ticket,
        ..
    } = Sale::start().await;
    let order = buyer.order(&ticket).await;
    let browser = site.browser().await;
    browser.open(&format!("/orders/{order}")).await;
    browser
        .see_path(|path| path.starts_with("/signin?next="))
        .await;
    browser.fill("Email", &buyer.user.email).await;
    browser.fill("Password", &buyer.user.password).await;
    browser.press("Sign in").await;
    browser.see("Time left to pay").await;
    assert_eq!(browser.path().await, format!("/orders/{order}"));
    // The form isn't in the history after it was used.
    browser.reload().await;
    browser.see("Time left to pay").await;
}

#[tokio::test]
async fn buying_signed_out_leads_back_to_the_ticket() {
    let site = Site::start().await;
    let seller = site.person().await;
    let ticket = seller.sell("Opera", 40.0).await;
    let browser = site.browser().await;
    browser.open(&format!("/tickets/{ticket}")).await;
    browser.press("Buy for $40").await;
    browser.see_path(|path| path.starts_with("/signin")).await;
    browser.press("Create one").await;
    browser.fill("Email", "new@example.com").await;
    browser.fill("Password", "correct horse").await;
    browser.press("Sign up").await;
    browser.see("Buy for $40").await;
    assert_eq!(browser.path().await, format!("/tickets/{ticket}"));
}

#[tokio::test]
async fn back_and_forward_restore_the_page() {
    let site = Site::start().await;
    let seller = site.person().await;
    for number in 0..40 {
        seller.sell(&format!("Seat {number}"), 10.0).await;
    }
    let browser = site.browser().await;
    browser.open("/").await;
    browser.fill("Search", "Seat").await;
    browser.see_path(|path| path == "/?q=Seat").await;
    browser.choose("Sort by", "Lowest price first").await;
    browser.see_path(|path| path == "/?q=Seat&sort=price").await;
    eventually("the list is long enough", LONG, || async {
        browser
            .script("scrollTo(0, 1200); return scrollY", json!([]))
            .await
            .as_f64()
            > Some(900.0)
    })
    .await;
    let before = browser.script("return scrollY", json!([])).await;
    let link = "
        const links = [...document.querySelectorAll('.card-link')];
        const seen = links.find(link => link.getBoundingClientRect().top > 200);
        seen.click();
        return seen.innerText";
    let title = browser.script(link, json!([])).await;
    let title = title.as_str().unwrap().to_owned();
    browser.see("Buy for $10").await;
    let shown = browser.script("return document.title", json!([])).await;
    assert_eq!(shown, format!("{title} · Turnstile"));

    browser.go("back").await;
    browser.see_path(|path| path == "/?q=Seat&sort=price").await;
    eventually("the list is where it was", LONG, || async {
        browser.script("return scrollY", json!([])).await == before
    })
    .await;
    assert_eq!(browser.value("Search").await, "Seat");
    browser.go("forward").await;
    browser.see("Buy for $10").await;
    browser.go("back").await;
    browser.press("Buy").await;
    browser.see_path(|path| path == "/").await;
    assert_eq!(browser.value("Search").await, "");
}

#[tokio::test]
async fn an_unknown_address_shows_not_found() {
    let site = Site::start().await;
    let browser = site.browser().await;
    for path in [
        "/nowhere",
        "/tickets/7",
        "/tickets/00000000-0000-0000-0000-000000000000",
    ] {
        browser.open(path).await;
        browser.see("may").await;
        browser.press("See all tickets").await;
        browser.see_path(|path| path == "/").await;
    }
}

#[tokio::test]
async fn an_order_is_visible_only_to_its_buyer() {
    let Sale {
        site,
        seller,
        buyer,
        ticket,
    } = Sale::start().await;
    let order = buyer.order(&ticket).await;
    let browser = site.browser_of(&seller, &format!("/orders/{order}")).await;
    browser.see("Not your order").await;
    browser.open(&format!("/tickets/{ticket}/edit")).await;
    browser.see("A buyer holds this ticket right now").await;
    let other = site
        .browser_of(&buyer, &format!("/tickets/{ticket}/edit"))
        .await;
    other.see("Not your ticket").await;
}

#[tokio::test]
async fn a_list_keeps_its_scroll_position() {
    let site = Site::start().await;
    let (seller, buyer) = (site.person().await, site.person().await);
    for number in 0..90 {
        let ticket = seller.sell(&format!("Seat {number}"), 10.0).await;
        if number < 30 {
            buyer.order(&ticket).await;
        }
    }
    let browser = site.browser_of(&buyer, "/?q=Seat").await;
    browser.see("Seat 89").await;
    let scroll = "scrollTo(0, arguments[0]); return scrollY";
    let scrolled = |to: f64| {
        let browser = &browser;
        async move {
            eventually("the page is scrolled", LONG, || async {
                let y = browser.script(scroll, json!([to])).await.as_f64();
                if y == Some(to) { Ok(()) } else { Err(y) }
            })
            .await;
        }
    };
    let returns = |at: f64| {
        let browser = &browser;
        async move {
            eventually("the page is where it was", LONG, || async {
                let y = browser.script("return scrollY", json!([])).await.as_f64();
                if y == Some(at) { Ok(()) } else { Err(y) }
            })
            .await;
        }
    };
    let kept = |at: f64| {
        let browser = &browser;
        async move {
            // It is stored once the scrolling ends.
            eventually("the place is kept", LONG, || async {
                let place = browser.script("return history.state", json!([])).await;
                let wanted = format!("{at} ");
                if place
                    .as_str()
                    .is_some_and(|place| place.starts_with(&wanted))
                {
                    Ok(())
                } else {
                    Err(place)
                }
            })
            .await;
        }
    };
    // Beyond the first page: a reload finds it.
    scrolled(1_500.0).await;
    kept(1_500.0).await;
    browser.reload().await;
    returns(1_500.0).await;
    // So does the way back from a ticket, and also by the link, with the search.
    let link = "
        const links = [...document.querySelectorAll('.card-link')];
        links.find(link => link.getBoundingClientRect().top > 200).click()";
    browser.script(link, json!([])).await;
    browser.see("Buy for $10").await;
    browser.press("All tickets").await;
    browser.see_path(|path| path == "/?q=Seat").await;
    returns(1_500.0).await;
    // Switches to another tab.
    let look_away = "
        const be = state => {
            Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
            document.dispatchEvent(new Event('visibilitychange'));
        };
        const before = document.querySelectorAll('.card').length;
        be('hidden'); be('visible');
        return before";
    let cards = browser.script(look_away, json!([])).await;
    seller.sell("Seat, late", 10.0).await;
    browser.see("Show 1 new ticket").await;
    returns(1_500.0).await;
    let now = "return document.querySelectorAll('.card').length";
    let now = browser.script(now, json!([])).await;
    // The next page is loaded as its place comes into view.
    assert!(now.as_u64() >= cards.as_u64(), "{now} of {cards}");

    // The visitor's own lists, which come later than their page.
    browser.press("My tickets").await;
    browser.see("Seat 29").await;
    scrolled(1_200.0).await;
    kept(1_200.0).await;
    browser.script(link, json!([])).await;
    browser.see("Time left to pay").await;
    browser.go("back").await;
    returns(1_200.0).await;
    browser.reload().await;
    returns(1_200.0).await;
    // Following a link to the current page adds nothing to the history.
    let length = browser.script("return history.length", json!([])).await;
    browser.press("My tickets").await;
    browser.press("My tickets").await;
    let after = browser.script("return history.length", json!([])).await;
    assert_eq!(after, length);
}

#[tokio::test]
async fn back_restores_the_previous_search() {
    let site = Site::start().await;
    let browser = site.browser().await;
    browser.open("/").await;
    browser.fill("Search", "rock\u{e007}").await;
    browser.see_path(|path| path == "/?q=rock").await;
    browser.fill("Search", "jazz\u{e007}").await;
    browser.see_path(|path| path == "/?q=jazz").await;
    browser.go("back").await;
    browser.see_path(|path| path == "/?q=rock").await;
    assert_eq!(browser.value("Search").await, "rock");
    browser.go("back").await;
    browser.see_path(|path| path == "/").await;
}
