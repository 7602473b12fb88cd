//! Sessions that end, and tabs that share one.

use serde_json::json;
use testkit::{LONG, eventually};

use crate::support::{Browser, Person, Sale, Site};

async fn sign_in(browser: &Browser, visitor: &Person) {
    browser.fill("Email", &visitor.user.email).await;
    browser.fill("Password", &visitor.user.password).await;
    browser.press("Sign in").await;
    browser.see("Sign out").await;
}

/// No stream of events, after whose beginning the page reads everything again: it would notice the
/// end of the session, and leave the form, before the visitor presses anything.
const NO_STREAM: &str = "delete window.EventSource";

#[tokio::test]
async fn an_ended_session_leads_to_signing_in_and_back() {
    let site = Site::start().await;
    let (seller, visitor) = (site.person().await, site.person().await);
    let ticket = seller.sell("Opera", 40.0).await;
    let path = format!("/tickets/{ticket}");
    let browser = site.browser_of(&visitor, &path).await;
    browser.see("Buy for $40").await;
    browser.see("Sign out").await;
    browser.lose_session().await;
    browser.press("Buy for $40").await;
    browser
        .see_path(|path| path.starts_with("/signin?next="))
        .await;
    browser.see("You were signed out.").await;
    sign_in(&browser, &visitor).await;
    browser.see("Buy for $40").await;
    assert_eq!(browser.path().await, path);

    // The unsaved changes of a ticket are here again, too.
    let own = visitor.sell("Jazz", 20.0).await;
    let edit = format!("/tickets/{own}/edit");
    browser.script_at_start(NO_STREAM).await;
    browser.open(&edit).await;
    browser.fill("Price", "44").await;
    browser.lose_session().await;
    browser.press("Save changes").await;
    browser.see("You were signed out.").await;
    sign_in(&browser, &visitor).await;
    browser.see_path(|path| path == edit).await;
    assert_eq!(browser.value("Price").await, "44");
    browser.press("Save changes").await;
    browser.see("$44").await;
}

/// The messages between tabs aren't received, nor the event that the tab is visible again: only the
/// check before each step remains.
const UNHEARD: &str = "
    for (const [target, name] of [[window, 'storage'], [document, 'visibilitychange']])
        target.addEventListener(name, event => event.stopImmediatePropagation(), true)";

#[tokio::test]
async fn a_tab_never_acts_for_another_user() {
    let site = Site::start().await;
    let (anna, ben) = (site.person().await, site.person().await);
    for is_heard in [true, false] {
        let browser = site.browser_of(&anna, "/").await;
        if !is_heard {
            browser.script_at_start(UNHEARD).await;
        }
        browser.open("/tickets/new").await;
        browser.fill("Title", "Annas").await;
        browser.fill("Price", "20").await;
        let first = browser.open_tab().await;
        browser.open("/").await;
        browser.press("Sign out").await;
        browser.see("Sign up").await;
        browser.open("/signin").await;
        sign_in(&browser, &ben).await;
        browser.go_to_tab(&first).await;
        if is_heard {
            // Without any input.
            browser.see(&ben.user.email).await;
        } else {
            browser.see(&anna.user.email).await;
            browser.press("Offer it for $20.00").await;
            browser.see("now signed in as").await;
        }
        browser.see_gone(&anna.user.email).await;
        // Ben must not see what Anna typed.
        eventually("the form is empty", LONG, || async {
            browser.value("Title").await.is_empty()
        })
        .await;
        for visitor in [&anna, &ben] {
            let mine = visitor.get("/api/tickets/mine").await;
            assert_eq!(mine.json["tickets"], json!([]));
        }
        // Signed out in one tab is signed out in both.
        let second = browser.open_tab().await;
        browser.open("/").await;
        browser.press("Sign out").await;
        browser.see("Sign up").await;
        browser.go_to_tab(&second).await;
        if is_heard {
            browser.see("Sign up").await;
        }
    }
}

#[tokio::test]
async fn signing_out_discards_typed_text() {
    let Sale {
        site,
        buyer,
        ticket,
        ..
    } = Sale::start().await;
    let order = buyer.order(&ticket).await;
    let browser = site.browser().await;
    browser.open("/signin?next=%2Ftickets%2Fnew").await;
    sign_in(&browser, &buyer).await;
    browser.fill("Title", "Jazz").await;
    browser.open(&format!("/orders/{order}")).await;
    browser.fill("Card number", "4242 4242 4242 4242").await;
    let kept = "return JSON.stringify({ ...sessionStorage })";
    let text = browser.script(kept, json!([])).await;
    let text = text.as_str().unwrap();
    assert!(text.contains("Jazz") && !text.contains("4242"), "{text}");
    browser.press("Sign out").await;
    browser.see("You are signed out").await;
    let text = browser.script(kept, json!([])).await;
    let text = text.as_str().unwrap();
    assert!(
        !text.contains("Jazz") && !text.contains(&buyer.user.email),
        "{text}"
    );
    browser.press("Sign in").await;
    assert_eq!(browser.value("Email").await, "");
}

#[tokio::test]
async fn a_lockout_shows_its_duration() {
    let site = Site::start().await;
    let visitor = site.person().await;
    let browser = site.browser().await;
    browser.open("/signin").await;
    // The response at the limit, whatever the limit is.
    let limited = "
        const real = window.fetch;
        window.fetch = (url, ...rest) => url.includes('signin') ? Promise.resolve(new Response(
            '{\"errors\":[{\"message\":\"Too many attempts, please try again later\"}]}',
            { status: 429, headers: { 'retry-after': '900' } })) : real(url, ...rest)";
    browser.script(limited, json!([])).await;
    browser.fill("Email", &visitor.user.email).await;
    browser.fill("Password", &visitor.user.password).await;
    browser.press("Sign in").await;
    browser
        .see("Too many attempts. Try again in 15 minutes.")
        .await;
}
