//! An order is paid through Stripe, over HTTP from one end to the other.

use serde_json::json;
use testkit::stripe::{Fault, StandIn, StripeRoute};

use super::Shop;
use crate::support::Site;

#[tokio::test]
async fn an_order_is_paid_through_stripe_with_every_accepted_card() {
    let shop = Shop::open().await;
    let order = shop.order().await;
    for (card, reason) in [
        ("tok_chargeDeclined", "Your card was declined."),
        (
            "tok_chargeDeclinedInsufficientFunds",
            "Your card has insufficient funds.",
        ),
    ] {
        let declined = shop.buyer.try_pay_with(&order, card).await;
        declined.assert_error(402, reason);
    }
    let bad = shop.buyer.try_pay_with(&order, "tok_nonsense").await;
    bad.assert_field_error(400, "token", "No such token: 'tok_nonsense'");
    assert_eq!(shop.standin.money().holds, 0);

    let paid = shop.buyer.try_pay_with(&order, "pm_card_visa").await;
    paid.assert_status(201);
    assert_eq!(shop.buyer.order_of(&order).await["status"], "complete");
    let again = shop.buyer.try_pay(&order).await;
    assert_eq!(again.expect_status(201).text, paid.text);
    shop.settles(1, 0).await;
    let references = shop.standin.references();
    assert_eq!(references.len(), 1, "all cards were tried on one intent");
    let intent = shop.standin.object(&references[0]);
    assert_eq!(intent["currency"], "usd");
    assert_eq!(intent["metadata"]["order_id"], order.as_str());
    assert_eq!(intent["metadata"]["payment_id"], paid.id().as_str());
}

#[tokio::test]
async fn declines_and_outages_of_stripe_are_reported_and_charge_nothing() {
    let shop = Shop::open().await;
    // The seller gets the error for a price that no card can pay, and not the buyer.
    for (price, bound) in [
        ("0.10", "Price must be at least 0.50"),
        ("1000000", "Price must be at most 999,999.99"),
    ] {
        let body = json!({"title": "Programme", "price": price});
        let refused = shop.seller.post("/api/tickets", body).await;
        refused.assert_field_error(400, "price", bound);
    }
    let order = shop.order().await;
    for route in [StripeRoute::Create, StripeRoute::Confirm] {
        shop.standin.fail_next(route, Fault::StatusForGood(503));
        let away = shop.buyer.try_pay(&order).await;
        away.assert_status(503);
        assert!(away.header("retry-after").is_some(), "{}", away.describe());
        let said = away.text.to_lowercase();
        assert!(!said.contains("stripe"), "{said}");
    }
    assert_eq!(shop.standin.money().holds, 0);
    shop.assert_payable(&order).await;
    shop.buyer.try_pay(&order).await.assert_status(201);
    shop.settles(1, 0).await;
}

#[tokio::test]
async fn cards_are_charged_in_the_configured_currency() {
    let standin = StandIn::start().await;
    let site = Site::builder().stripe(&standin).env("CURRENCY", "eur");
    let shop = Shop::of(standin, site.start().await).await;
    let config = shop.buyer.get("/api/payments/config").await.json;
    assert_eq!(config["currency"], json!("EUR"));
    let order = shop.order().await;
    shop.buyer.try_pay(&order).await.assert_status(201);
    shop.settles(1, 0).await;
    let intent = shop.standin.object(&shop.standin.references()[0]);
    assert_eq!(intent["currency"], "eur");
}
