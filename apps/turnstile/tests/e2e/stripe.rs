//! Paying where Stripe is configured.

use testkit::stripe::{KEY, PUBLISHABLE_KEY, StandIn};

use crate::support::Site;

/// Stands in for Stripe's script, which no test can load: it records the page's calls.
const STRIPE: &str = "
    window.Stripe = key => ({
        elements: () => ({ create: kind => ({
            mount: where => { document.querySelector(where).textContent = `${kind} form of ${key}` },
        }) }),
        createPaymentMethod: async ({ type }) => window.declined
            ? { error: { message: 'Your card number is incomplete.' } }
            : { paymentMethod: { id: type === 'card' ? 'pm_card_visa' : '' } },
    })";

#[tokio::test]
async fn the_form_of_stripe_accepts_the_card() {
    let stripe = StandIn::start().await;
    let site = Site::start_with(&[
        ("PAYMENTS", "stripe-test"),
        ("STRIPE_SECRET_KEY", KEY),
        ("STRIPE_PUBLISHABLE_KEY", PUBLISHABLE_KEY),
        ("STRIPE_API_BASE", stripe.base()),
        ("STRIPE_WEBHOOK_SECRET", "whsec_standin"),
    ])
    .await;
    let (seller, buyer) = (site.person().await, site.person().await);
    let ticket = seller.sell("Opera", 40.0).await;
    let order = buyer.order(&ticket).await;
    let browser = site.browser_of(&buyer, "/").await;
    browser.script_at_start(STRIPE).await;
    browser.open(&format!("/orders/{order}")).await;
    browser
        .see(&format!("card form of {PUBLISHABLE_KEY}"))
        .await;
    assert!(!browser.text().await.contains("Test cards"));

    browser
        .script("window.declined = true", serde_json::json!([]))
        .await;
    browser.press("Pay $40").await;
    browser.see("Your card number is incomplete.").await;
    browser
        .script("window.declined = false", serde_json::json!([]))
        .await;
    browser.press("Pay $40").await;
    browser.see("The ticket is yours, and nobody else’s.").await;
}
