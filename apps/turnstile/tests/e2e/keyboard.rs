//! Everything without a mouse.

use serde_json::json;
use testkit::{LONG, eventually};

use crate::support::{Browser, Site};

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

/// Presses Tab until the focus is on this control.
async fn tab_to(browser: &Browser, name: &str) {
    let mut seen = Vec::new();
    for _ in 0..40 {
        browser.keys(TAB).await;
        let focused = browser.focused().await;
        if focused == name {
            return assert_focus_is_seen(browser).await;
        }
        seen.push(focused);
    }
    panic!("Tab doesn't lead to {name:?}, but to {seen:?}");
}

async fn assert_focus_is_seen(browser: &Browser) {
    let ring = "
        const on = document.activeElement;
        const parts = [[on, null], [on, '::after'], [on.closest('.input-box'), null]];
        return parts.some(([part, pseudo]) => part
            && getComputedStyle(part, pseudo).outlineStyle !== 'none'
            && parseFloat(getComputedStyle(part, pseudo).outlineWidth) >= 2)";
    assert_eq!(
        browser.script(ring, json!([])).await,
        true,
        "the focus isn't seen"
    );
}

#[tokio::test]
async fn a_ticket_is_sold_and_bought_by_the_keyboard_alone() {
    let site = Site::start().await;
    let browser = site.browser().await;
    browser.open("/").await;
    browser.see("Sign up").await;
    tab_to(&browser, "Skip to content").await;
    tab_to(&browser, "Sell").await;
    browser.keys(ENTER).await;
    browser.see("No account yet?").await;
    tab_to(&browser, "Create one").await;
    browser.keys(ENTER).await;
    browser.see("Create an account").await;
    tab_to(&browser, "Email").await;
    browser.keys("keys@example.com").await;
    tab_to(&browser, "Password").await;
    browser.keys("correct horse").await;
    browser.keys(ENTER).await;

    browser.see("Offer it").await;
    tab_to(&browser, "Title").await;
    browser.keys("Chess final").await;
    tab_to(&browser, "Price").await;
    browser.keys(&format!("x{ENTER}")).await;
    // The focus moves to the invalid field.
    browser.see("Price must be a number").await;
    assert_eq!(browser.focused().await, "Price");
    browser.keys(&format!("\u{e003}12{ENTER}")).await;
    browser.see("This is your own ticket.").await;

    // Another seller's, to buy.
    let seller = site.person().await;
    let ticket = seller.sell("Opera", 40.0).await;
    browser.open(&format!("/tickets/{ticket}")).await;
    browser.see("Buy for $40").await;
    tab_to(&browser, "Buy for $40").await;
    browser.keys(ENTER).await;
    browser.see("Time left to pay").await;
    eventually("the keyboard is in the new page", LONG, || async {
        browser.focused().await == "content"
    })
    .await;
    tab_to(&browser, "Card number").await;
    browser.keys(&format!("4242424242424242{ENTER}")).await;
    browser.see("The ticket is yours, and nobody else’s.").await;
}
