//! Every page, in every state and both themes: the findings of an accessibility engine, and the
//! page's own errors.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Browser, Site, Theme, VisitorPages};

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

/// The engine's findings on the current page.
async fn violations(browser: &Browser, axe: &str) -> Vec<Value> {
    browser.see_still().await;
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

/// The page's requests to other sites.
const STRANGERS: &str = "
    const all = performance.getEntriesByType('resource').map(one => one.name);
    return all.filter(name => !name.startsWith(location.origin))";

#[tokio::test]
async fn no_page_has_a_violation_or_an_error_in_either_theme() {
    let site = Site::start().await;
    let axe = axe().await;
    let mut found = BTreeMap::new();
    for VisitorPages { browser, pages } in site.walkthrough().await {
        browser.console_errors().await;
        for page in &pages {
            browser.open(&page.path).await;
            browser.see(page.says).await;
            let strangers = browser.script(STRANGERS, json!([])).await;
            assert_eq!(strangers, json!([]), "{} asks others", page.name);
            for theme in [Theme::Light, Theme::Dark] {
                browser.set_theme(theme).await;
                let violations = violations(&browser, &axe).await;
                let mut errors = browser.console_errors().await;
                // A page that doesn't exist gets 404, which the browser logs.
                errors.retain(|error| page.name != "not-found" || !error.contains("404"));
                if !violations.is_empty() || !errors.is_empty() {
                    found.insert(format!("{} {theme:?}", page.name), (violations, errors));
                }
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test]
async fn a_form_with_errors_has_no_violation() {
    let site = Site::start().await;
    let seller = site.person().await;
    let browser = site.browser_of(&seller, "/tickets/new").await;
    let axe = axe().await;
    for theme in [Theme::Light, Theme::Dark] {
        browser.set_theme(theme).await;
        browser.open("/tickets/new").await;
        browser.press("Offer it").await;
        browser.see("Title is required").await;
        browser.see("Price is required").await;
        let violations = violations(&browser, &axe).await;
        assert!(violations.is_empty(), "{theme:?} {violations:#?}");
    }
}

#[tokio::test]
async fn the_accessibility_engine_finds_violations() {
    let site = Site::start().await;
    let browser = site.browser().await;
    browser.open("/signin").await;
    browser.see("No account yet?").await;
    let spoil = "document.querySelector('label').remove(); console.error('spoiled')";
    browser.script(spoil, json!([])).await;
    let violations = violations(&browser, &axe().await).await;
    assert!(!violations.is_empty(), "an input without a label passes");
    assert_eq!(browser.console_errors().await.len(), 1);
}

#[tokio::test]
async fn reduced_motion_stops_all_animation() {
    let site = Site::start().await;
    let seller = site.person().await;
    let browser = site.browser_of(&seller, "/tickets/new").await;
    browser.want_no_movement().await;
    browser.fill("Title", "Opera").await;
    browser.fill("Price", "40").await;
    let longest = "
        window.longest = 0;
        document.addEventListener('animationstart', event => {
            const times = event.target.getAnimations({ subtree: true })
                .map(one => one.effect.getComputedTiming().endTime);
            window.longest = Math.max(window.longest, ...times);
        })";
    browser.script(longest, json!([])).await;
    // Otherwise the message slides in.
    browser.press("Offer it for $40.00").await;
    browser.see("Your ticket is for sale").await;
    let longest = browser.script("return window.longest", json!([])).await;
    assert!(longest.as_f64() <= Some(2.0), "{longest} ms");
}
