//! The page for analysts.

use serde_json::{Value, json};
use testkit::{LONG, eventually};

use crate::support::{Browser, Site};

/// A figure at the top of the page.
async fn figure(browser: &Browser, id: &str) -> Value {
    let text = "return document.getElementById(arguments[0])?.innerText ?? null";
    browser.script(text, json!([id])).await
}

async fn shows(browser: &Browser, id: &str, value: &str) {
    eventually("the figure is shown", LONG, || async {
        let shown = figure(browser, id).await;
        if shown == json!(value) {
            Ok(())
        } else {
            Err(shown)
        }
    })
    .await;
}

/// Whether the navigation has a link to the page.
async fn is_shown_the_way(browser: &Browser) -> bool {
    let link = "return document.querySelector('nav a[href=\"/analytics\"]') !== null";
    browser.script(link, json!([])).await == true
}

#[tokio::test]
async fn figures_change_while_others_trade() {
    let site = Site::start().await;
    let (seller, buyer) = (site.person().await, site.person().await);
    let analyst = site.person().await;
    site.grants("analyst", &analyst).await;
    let (opera, jazz) = (
        seller.sell("Opera", 40.0).await,
        seller.sell("Jazz", 20.0).await,
    );
    let order = buyer.order(&opera).await;
    buyer.pay(&order).await;

    let browser = site.browser_of(&analyst, "/").await;
    browser.console_errors().await;
    browser.press("Analytics").await;
    shows(&browser, "revenue", "$40").await;
    shows(&browser, "sold", "1").await;
    shows(&browser, "held", "0").await;
    browser
        .script("window.sameDocument = true", json!([]))
        .await;

    let order = buyer.order(&jazz).await;
    shows(&browser, "held", "1").await;
    buyer.pay(&order).await;
    shows(&browser, "revenue", "$60").await;
    shows(&browser, "paid", "100%").await;
    shows(&browser, "held", "0").await;
    let same = browser
        .script("return window.sameDocument === true", json!([]))
        .await;
    assert_eq!(same, true, "the page was reloaded");
    let rows = "
        const rows = [...document.querySelectorAll('.bars tr')].map(row => row.innerText);
        return rows.filter(row => /^Sold\\s/.test(row)).map(row => row.replace(/\\s+/g, ' ').trim())";
    let rows = browser.script(rows, json!([])).await;
    assert_eq!(rows, json!(["Sold 2 (100%)"]));
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_analytics_page_explains_the_missing_role() {
    let site = Site::start().await;
    let visitor = site.person().await;
    let browser = site.browser_of(&visitor, "/analytics").await;
    browser.see("turnstile users grant").await;
    assert!(!browser.text().await.contains("Revenue"));
    assert!(!is_shown_the_way(&browser).await);
    site.grants("analyst", &visitor).await;
    browser.press("Look again").await;
    shows(&browser, "revenue", "$0").await;
    assert!(is_shown_the_way(&browser).await);
}

#[tokio::test]
async fn revoking_the_role_removes_the_figures() {
    let site = Site::start().await;
    let analyst = site.person().await;
    site.grants("analyst", &analyst).await;
    let browser = site.browser_of(&analyst, "/analytics").await;
    shows(&browser, "revenue", "$0").await;
    site.revokes("analyst", &analyst).await;
    browser.see("turnstile users grant").await;
    assert_eq!(figure(&browser, "revenue").await, Value::Null);
    assert!(!is_shown_the_way(&browser).await);
}

#[tokio::test]
async fn signing_in_leads_back_to_the_figures() {
    let site = Site::start().await;
    let analyst = site.person().await;
    site.grants("analyst", &analyst).await;
    let browser = site.browser().await;
    browser.open("/analytics").await;
    browser.see("No account yet?").await;
    browser.fill("Email", &analyst.user.email).await;
    browser.fill("Password", &analyst.user.password).await;
    browser.press("Sign in").await;
    shows(&browser, "revenue", "$0").await;
    assert_eq!(browser.path().await, "/analytics");
}

#[tokio::test]
async fn figures_continue_after_a_network_outage_and_a_restart() {
    let site = Site::start().await;
    let (seller, buyer, analyst) = (
        site.person().await,
        site.person().await,
        site.person().await,
    );
    site.grants("analyst", &analyst).await;
    let (opera, jazz) = (
        seller.sell("Opera", 40.0).await,
        seller.sell("Jazz", 20.0).await,
    );
    let browser = site.browser_of(&analyst, "/analytics").await;
    shows(&browser, "revenue", "$0").await;

    browser.set_offline(true).await;
    browser.see("No connection.").await;
    buyer.pay(&buyer.order(&opera).await).await;
    assert_eq!(figure(&browser, "revenue").await, "$0");
    browser.set_offline(false).await;
    browser.see_gone("No connection.").await;
    shows(&browser, "revenue", "$40").await;

    site.app.restart().await;
    buyer.pay(&buyer.order(&jazz).await).await;
    shows(&browser, "revenue", "$60").await;
}
