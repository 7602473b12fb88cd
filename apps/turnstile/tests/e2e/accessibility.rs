//! Every page, in every state and both themes: what an accessibility engine finds, and what the
//! page complains of.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testkit::{LONG, eventually};

use crate::support::{Browser, Stage, Theme};

/// The engine, as one script.
async fn axe() -> String {
    let folder =
        tokio::task::spawn_blocking(|| devservers::tools::npm_package("axe-core", "4.14.1"));
    let script = folder
        .await
        .unwrap()
        .unwrap()
        .join("node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(script).unwrap()
}

/// What the engine finds on the page as it is now.
async fn violations(browser: &Browser, axe: &str) -> Vec<Value> {
    // Movement first comes to its end: half-faded text has half the contrast.
    let still = "return document.getAnimations().every(one => one.playState !== 'running')";
    eventually("nothing moves", LONG, || async {
        browser.script(still, json!([])).await == true
    })
    .await;
    browser
        .script(&format!("{axe}; window.axe = axe"), json!([]))
        .await;
    let run = "
        const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
        return axe.run(document, { runOnly: tags }).then(found => found.violations.map(one =>
            ({ rule: one.id, where: one.nodes.map(node => node.html + ' ' + node.failureSummary) })))";
    let found = browser.script(run, json!([])).await;
    found.as_array().unwrap().clone()
}

#[tokio::test]
async fn no_page_has_a_violation_or_an_error_in_either_theme() {
    let stage = Stage::set().await;
    let (seller, buyer) = (stage.visitor().await, stage.visitor().await);
    let open = seller
        .offers(
            "Opera, box 4: a long evening with an interval and a view",
            40.0,
        )
        .await;
    let held = seller.offers("Jazz", 19.99).await;
    let sold = seller.offers("Chess final", 12.0).await;
    let back = seller.offers("Circus", 8.0).await;
    let order = buyer.orders(&held).await;
    let paid = buyer.orders(&sold).await;
    buyer.pays(&paid).await;
    let cancelled = buyer.orders(&back).await;
    buyer
        .client
        .delete(&format!("/api/orders/{cancelled}"))
        .await
        .assert_status(204);

    let public = [
        ("/".to_owned(), "Opera"),
        ("/?q=nothing-like-it".to_owned(), "No tickets match"),
        ("/?min=abc".to_owned(), "Prices are numbers"),
        (format!("/tickets/{open}"), "Buy for $40"),
        (format!("/tickets/{held}"), "Somebody else holds"),
        (format!("/tickets/{sold}"), "This ticket is sold"),
        ("/signin?next=%2Forders".to_owned(), "You have no account?"),
        ("/signup".to_owned(), "You have an account?"),
        ("/nowhere".to_owned(), "Page not found"),
    ];
    let buyers = [
        (format!("/orders/{order}"), "Time left to pay"),
        (format!("/orders/{paid}"), "nobody else’s"),
        (format!("/orders/{cancelled}"), "was given back"),
        ("/orders".to_owned(), "left to pay"),
        (format!("/tickets/{held}"), "You hold this ticket"),
        ("/selling".to_owned(), "You offer nothing yet"),
    ];
    let sellers = [
        ("/selling".to_owned(), "Earned"),
        ("/tickets/new".to_owned(), "Offer it"),
        (format!("/tickets/{open}/edit"), "Save changes"),
        (format!("/tickets/{held}/edit"), "A buyer holds"),
        (format!("/tickets/{open}"), "your own ticket"),
        ("/orders".to_owned(), "No orders yet"),
    ];
    let visits = [
        (stage.browser().await, public.as_slice()),
        (stage.browser_of(&buyer, "/").await, buyers.as_slice()),
        (stage.browser_of(&seller, "/").await, sellers.as_slice()),
    ];
    let axe = axe().await;
    let mut found = BTreeMap::new();
    for (browser, pages) in &visits {
        browser.console_errors().await;
        for (path, text) in *pages {
            for theme in [Theme::Light, Theme::Dark] {
                browser.set_theme(theme).await;
                browser.open(path).await;
                browser.see(text).await;
                let violations = violations(browser, &axe).await;
                let errors = browser.console_errors().await;
                if !violations.is_empty() || !errors.is_empty() {
                    found.insert(format!("{path} {theme:?}"), (violations, errors));
                }
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test]
async fn a_form_with_errors_has_no_violation() {
    let stage = Stage::set().await;
    let seller = stage.visitor().await;
    let browser = stage.browser_of(&seller, "/tickets/new").await;
    let axe = axe().await;
    for theme in [Theme::Light, Theme::Dark] {
        browser.set_theme(theme).await;
        browser.open("/tickets/new").await;
        browser.press("Offer it").await;
        browser.see("Title is required").await;
        browser.see("Price must be greater than 0").await;
        let violations = violations(&browser, &axe).await;
        assert!(violations.is_empty(), "{theme:?} {violations:#?}");
    }
}
