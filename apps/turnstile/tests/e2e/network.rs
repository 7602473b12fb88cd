//! Lost and restored networks.

use serde_json::json;

use crate::support::{Browser, Person, Sale, Site};

async fn order_count(visitor: &Person) -> usize {
    let orders = visitor.get("/api/orders").await.expect_status(200);
    orders.json.as_array().unwrap().len()
}

/// The next request reaches the server, and its response is lost.
async fn lose_the_next_answer(browser: &Browser) {
    let script = "
        const real = window.fetch;
        window.fetch = async (url, options) => {
            if (options.method !== 'POST') return real(url, options);
            window.fetch = real;
            await real(url, options);
            throw new TypeError('the answer was lost');
        }";
    browser.script(script, json!([])).await;
}

#[tokio::test]
async fn a_network_failure_during_an_order_loses_and_repeats_nothing() {
    let Sale {
        site,
        buyer,
        ticket,
        ..
    } = Sale::start().await;
    let browser = site.browser_of(&buyer, &format!("/tickets/{ticket}")).await;
    browser.see("Buy for $40").await;

    browser.set_offline(true).await;
    browser.press("Buy for $40").await;
    browser.see("There is no connection to the server.").await;
    assert_eq!(order_count(&buyer).await, 0);
    browser.set_offline(false).await;
    browser.see_gone("No connection.").await;

    // This time the order is placed without a response; but the page gets the change.
    lose_the_next_answer(&browser).await;
    browser.press("Buy for $40").await;
    browser.press("Go to your order").await;
    browser.see_path(|path| path.starts_with("/orders/")).await;
    assert_eq!(order_count(&buyer).await, 1);

    browser.fill("Card number", "4242 4242 4242 4242").await;
    browser.set_offline(true).await;
    browser.press("Pay $40").await;
    browser.see("There is no connection to the server.").await;
    assert_eq!(browser.value("Card number").await, "4242 4242 4242 4242");
    browser.set_offline(false).await;
    browser.see_gone("No connection.").await;
    assert_eq!(browser.value("Card number").await, "4242 4242 4242 4242");
    lose_the_next_answer(&browser).await;
    browser.press("Pay $40").await;
    browser.see("The ticket is yours, and nobody else’s.").await;
}

#[tokio::test]
async fn a_retry_after_a_lost_response_takes_effect_once() {
    let site = Site::start().await;
    let seller = site.person().await;
    let browser = site.browser_of(&seller, "/tickets/new").await;
    browser.fill("Title", "Opera").await;
    browser.fill("Price", "40").await;
    lose_the_next_answer(&browser).await;
    browser.press("Offer it for $40.00").await;
    browser.see("There is no connection to the server.").await;
    // Nor does a reload make it two.
    browser.reload().await;
    assert_eq!(browser.value("Title").await, "Opera");
    browser.press("Offer it for $40.00").await;
    browser
        .see("This is your own ticket. It is for sale.")
        .await;
    let mine = seller.get("/api/tickets/mine").await.expect_status(200);
    assert_eq!(mine.json["tickets"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn reads_resume_when_the_network_is_back() {
    let site = Site::start().await;
    let seller = site.person().await;
    let ticket = seller.sell("Opera", 40.0).await;
    let browser = site.browser_of(&seller, "/").await;
    browser.see("Opera").await;
    browser.see("Sign out").await;
    browser.set_offline(true).await;
    browser.see("No connection.").await;
    browser.press("Selling").await;
    browser.see("What you offer, and what became of it.").await;
    // It is changed in the meantime, and the page doesn't get that.
    let changed = json!({"title": "Opera, box 4", "price": 40});
    seller
        .put(&format!("/api/tickets/{ticket}"), changed)
        .await
        .assert_status(200);
    browser.set_offline(false).await;
    browser.see("Opera, box 4").await;
    browser.see_gone("No connection.").await;
}

#[tokio::test]
async fn the_app_catches_up_after_a_restart_of_the_server() {
    let Sale {
        site,
        buyer,
        ticket,
        ..
    } = Sale::start().await;
    let browser = site.browser().await;
    browser.open("/").await;
    browser.see("Opera").await;
    site.app.restart().await;
    buyer.order(&ticket).await;
    // Possibly without a message to the page.
    browser.see("No tickets").await;
    browser.see("Taken").await;
}

#[tokio::test]
async fn typed_text_survives_a_reload_and_a_new_session() {
    let site = Site::start().await;
    let seller = site.person().await;
    let browser = site.browser_of(&seller, "/tickets/new").await;
    browser.fill("Title", "Opera, box 4").await;
    browser.fill("Price", "40").await;
    browser.reload().await;
    assert_eq!(browser.value("Title").await, "Opera, box 4");
    // The session ends; the server reports that when the ticket is listed, or earlier to a page
    // that has just been loaded and reads the session.
    browser.lose_session().await;
    browser
        .script(
            "[...document.querySelectorAll('button')]
                .find(button => button.textContent.includes('Offer it for $40.00'))?.click()",
            serde_json::json!([]),
        )
        .await;
    browser.see("You were signed out.").await;
    browser.fill("Email", &seller.user.email).await;
    browser.fill("Password", &seller.user.password).await;
    browser.press("Sign in").await;
    assert_eq!(browser.value("Title").await, "Opera, box 4");
    assert_eq!(browser.value("Price").await, "40");
}

#[tokio::test]
async fn a_lost_response_creates_one_account() {
    let site = Site::start().await;
    let browser = site.browser().await;
    browser.open("/signup?next=%2Fselling").await;
    browser.fill("Email", "new@example.com").await;
    browser.fill("Password", "correct horse").await;
    lose_the_next_answer(&browser).await;
    browser.press("Sign up").await;
    browser.see("There is no connection to the server.").await;
    browser.press("Sign up").await;
    browser.see("You offer nothing yet").await;
    browser.press("Sign out").await;
    // A visitor with an account finds the way to sign in.
    browser.open("/signup?next=%2Fselling").await;
    browser.fill("Email", "new@example.com").await;
    browser.fill("Password", "another one").await;
    browser.press("Sign up").await;
    browser.see("Email in use").await;
    browser.press("Sign in with it").await;
    browser
        .see_path(|path| path == "/signin?next=%2Fselling")
        .await;
    assert_eq!(browser.value("Email").await, "new@example.com");
}

/// The server can't answer who is signed in, nor how it is configured, until it recovers.
const DOWN: &str = "
    window.down = ['currentuser', 'config'];
    const real = window.fetch;
    window.fetch = (url, ...rest) => window.down.some(part => String(url).includes(part))
        ? Promise.resolve(new Response('{\"errors\":[{\"message\":\"Away\"}]}', { status: 503 }))
        : real(url, ...rest)";

#[tokio::test]
async fn a_page_recovers_from_failed_first_responses() {
    let Sale {
        site,
        buyer,
        ticket,
        ..
    } = Sale::start().await;
    let order = buyer.order(&ticket).await;
    let browser = site.browser_of(&buyer, "/").await;
    browser.script_at_start(DOWN).await;
    browser.open(&format!("/orders/{order}")).await;
    browser.see("Away").await;
    // Automatically.
    browser.script("window.down = ['config']", json!([])).await;
    browser.see("Time left to pay").await;
    // Manually.
    browser.see("Away").await;
    assert!(!browser.text().await.contains("Test cards"));
    browser.script("window.down = []", json!([])).await;
    browser.press("Try again").await;
    browser.see("Test cards").await;
}
