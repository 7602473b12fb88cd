//! Stripe's webhooks: trusted only if they are signed, and only as a hint.

use chrono::Utc;
use testkit::{
    LONG, Method, Response, eventually,
    stripe::{Fault, StripeRoute, event, sign},
};
use uuid::Uuid;

use super::Shop;
use crate::support::{Site, WEBHOOK_SECRET};

const PATH: &str = "/api/payments/webhook";
const SUCCEEDED: &str = "payment_intent.succeeded";

async fn send(site: &Site, body: &[u8], signature: Option<&str>) -> Response {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let call = site.anyone().call(Method::POST, PATH).raw_json(text);
    match signature {
        Some(signature) => call.header("Stripe-Signature", signature).await,
        None => call.await,
    }
}

fn signature(body: &[u8]) -> String {
    let now = Utc::now().timestamp();
    format!("t={now},v1={}", sign(WEBHOOK_SECRET, now, body))
}

pub(super) async fn send_signed(site: &Site, body: &[u8]) -> Response {
    send(site, body, Some(&signature(body))).await
}

#[tokio::test]
async fn a_repeated_webhook_takes_effect_once() {
    let shop = Shop::open().await;
    let order = shop.order().await;
    // The worker that captures the money hangs, so what follows is the webhook's effect.
    shop.standin.fail_next(StripeRoute::Capture, Fault::Hang);
    let payment = shop.buyer.try_pay(&order).await.expect_status(201).id();
    eventually("the worker is at it", LONG, || async {
        shop.standin.seen(StripeRoute::Capture).len() == 1
    })
    .await;
    // The money is captured by hand, in Stripe's dashboard.
    let reference = shop.standin.references()[0].clone();
    shop.standin
        .tamper(&reference, |intent| intent.status = "succeeded");
    let held = ["PaymentBegun", "PaymentAuthorized"];
    assert_eq!(shop.events(&payment).await, held);

    let body = event("evt_1", SUCCEEDED, &shop.standin.object(&reference));
    send_signed(&shop.site, &body).await.assert_status(200);
    let taken = ["PaymentBegun", "PaymentAuthorized", "PaymentCaptured"];
    assert_eq!(shop.events(&payment).await, taken);

    let overheard = signature(&body);
    for _ in 0..3 {
        let again = send(&shop.site, &body, Some(&overheard)).await;
        again.assert_status(200);
    }
    assert_eq!(shop.events(&payment).await, taken);
    assert_eq!(shop.buyer.order_of(&order).await["status"], "complete");
    shop.site.assert_money_agrees().await;
}

#[tokio::test]
async fn a_webhook_only_triggers_a_look_at_log_and_provider() {
    let shop = Shop::open().await;
    let (order, _, object) = shop.declined_order().await;
    let stranger = shop.standin.add_foreign_intent();
    let unheard = shop
        .standin
        .add_intent(&Uuid::new_v4().to_string(), 2_000, "usd");
    for body in [
        event("evt_1", SUCCEEDED, &object),
        event("evt_2", "payment_intent.canceled", &object),
        event("evt_3", "charge.refunded", &object),
        event("evt_4", SUCCEEDED, &shop.standin.object(&stranger)),
        event("evt_5", SUCCEEDED, &shop.standin.object(&unheard)),
    ] {
        send_signed(&shop.site, &body).await.assert_status(200);
    }
    shop.assert_payable(&order).await;
    assert_eq!(shop.standin.money().taken, 0);
    shop.buyer.try_pay(&order).await.assert_status(201);
    shop.settles(1, 0).await;
}

#[tokio::test]
async fn an_unsigned_or_forged_webhook_is_refused_and_changes_nothing() {
    let shop = Shop::open().await;
    let order = shop.order().await;
    shop.standin.fail_next(StripeRoute::Capture, Fault::Hang);
    let payment = shop.buyer.try_pay(&order).await.expect_status(201).id();
    let before = ["PaymentBegun", "PaymentAuthorized"];
    let object = shop.standin.object(&shop.standin.references()[0]);
    let body = event("evt_1", SUCCEEDED, &object);
    let now = Utc::now().timestamp();
    let good = sign(WEBHOOK_SECRET, now, &body);
    let old = now - 3_600;
    for signature in [
        None,
        Some(String::new()),
        Some(format!("t={now},v1={}", sign("whsec_other", now, &body))),
        Some(format!("t={},v1={good}", now + 1)),
        Some(format!("t={old},v1={}", sign(WEBHOOK_SECRET, old, &body))),
    ] {
        let answer = send(&shop.site, &body, signature.as_deref()).await;
        answer.assert_error(400, "The signature is not the provider's");
    }
    let other = event("evt_2", SUCCEEDED, &object);
    let answer = send(&shop.site, &other, Some(&format!("t={now},v1={good}"))).await;
    answer.assert_status(400);
    let malformed = b"{";
    send_signed(&shop.site, malformed).await.assert_status(400);
    assert_eq!(shop.events(&payment).await, before);
}

#[tokio::test]
async fn without_stripe_the_webhook_route_is_404() {
    let site = Site::start().await;
    let body = event("evt_1", SUCCEEDED, &serde_json::Value::Null);
    let answer = send_signed(&site, &body).await;
    answer.assert_error(404, "Not Found");
    let unsigned = send(&site, &body, None).await;
    unsigned.assert_error(404, "Not Found");
}
