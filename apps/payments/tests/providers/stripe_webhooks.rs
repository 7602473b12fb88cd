//! Webhooks: only Stripe's own are trusted.

use chrono::Utc;
use payments::provider::{
    PaymentProvider, ProviderConfig, Stripe, WebhookError, WebhookEvent, WebhookKind,
};
use serde_json::json;

use crate::support::{SHORT, TestProvider, WEBHOOK_SECRET, intent, stripe_at, stripe_config};
use testkit::stripe::{StandIn, sign};

fn signed(body: &[u8]) -> String {
    let now = Utc::now().timestamp();
    format!("t={now},v1={}", sign(WEBHOOK_SECRET, now, body))
}

fn event(kind: &str, object: &serde_json::Value) -> Vec<u8> {
    testkit::stripe::event("evt_1", kind, object)
}

async fn succeeded() -> (Stripe, Vec<u8>, WebhookEvent) {
    let standin = StandIn::start().await;
    let stripe = stripe_at(standin.base(), SHORT);
    let intent = intent();
    let reference = stripe.open(&intent).await.unwrap();
    let body = event(
        "payment_intent.succeeded",
        &standin.object(reference.as_str()),
    );
    let expected = WebhookEvent {
        id: "evt_1".to_owned(),
        kind: WebhookKind::Captured,
        payment_id: Some(intent.payment_id),
        reference,
    };
    (stripe, body, expected)
}

#[tokio::test]
async fn an_authentic_webhook_can_be_read_repeatedly() {
    let (stripe, body, expected) = succeeded().await;
    for _ in 0..2 {
        assert_eq!(
            stripe.webhook(Some(&signed(&body)), &body),
            Ok(Some(expected.clone()))
        );
    }
}

#[tokio::test]
async fn a_forged_webhook_is_refused() {
    let (stripe, body, _) = succeeded().await;
    let now = Utc::now().timestamp();
    let right = sign(WEBHOOK_SECRET, now, &body);
    let forged = [
        String::new(),
        "nonsense".to_owned(),
        format!("v1={right}"),
        format!("t={now}"),
        format!("t={now},v1="),
        format!("t={now},v1=zz"),
        format!("t={now},v1={}", &right[..32]),
        format!("t={now},v0={right}"),
        format!("t={now},v1={}", sign("whsec_other", now, &body)),
        format!("t={},v1={right}", now + 1),
        format!("t=never,v1={right}"),
    ];
    for signature in &forged {
        let result = stripe.webhook(Some(signature), &body);
        assert!(
            matches!(result, Err(WebhookError::Forged(_))),
            "{signature}: {result:?}"
        );
    }
    assert!(matches!(
        stripe.webhook(None, &body),
        Err(WebhookError::Forged(_))
    ));
    let mut altered = body.clone();
    altered.push(b' ');
    let result = stripe.webhook(Some(&format!("t={now},v1={right}")), &altered);
    assert!(matches!(result, Err(WebhookError::Forged(_))), "{result:?}");
}

#[tokio::test]
async fn a_replayed_webhook_is_refused_after_five_minutes() {
    let (stripe, body, _) = succeeded().await;
    let at = |time| format!("t={time},v1={}", sign(WEBHOOK_SECRET, time, &body));
    let now = Utc::now().timestamp();
    assert!(stripe.webhook(Some(&at(now - 280)), &body).is_ok());
    for time in [now - 320, now + 320, i64::MIN, i64::MAX] {
        let result = stripe.webhook(Some(&at(time)), &body);
        assert!(
            matches!(result, Err(WebhookError::Forged(_))),
            "{time}: {result:?}"
        );
    }
}

#[tokio::test]
async fn one_valid_signature_among_several_is_enough() {
    let (stripe, body, expected) = succeeded().await;
    let now = Utc::now().timestamp();
    let (old, new) = (
        sign("whsec_old", now, &body),
        sign(WEBHOOK_SECRET, now, &body),
    );
    let header = format!("t={now},v1={old},v1={new},v0=abc");
    assert_eq!(stripe.webhook(Some(&header), &body), Ok(Some(expected)));
}

#[tokio::test]
async fn known_event_types_are_distinguished_and_others_ignored() {
    let standin = StandIn::start().await;
    let stripe = stripe_at(standin.base(), SHORT);
    let reference = stripe.open(&intent()).await.unwrap();
    let object = standin.object(reference.as_str());
    let kind = |kind: &str, object: &serde_json::Value| {
        let body = event(kind, object);
        stripe
            .webhook(Some(&signed(&body)), &body)
            .map(|event| event.map(|event| event.kind))
    };
    let authorized = "payment_intent.amount_capturable_updated";
    assert_eq!(kind(authorized, &object), Ok(Some(WebhookKind::Authorized)));
    assert_eq!(
        kind("payment_intent.canceled", &object),
        Ok(Some(WebhookKind::Voided))
    );
    assert_eq!(
        kind("payment_intent.payment_failed", &object),
        Ok(Some(WebhookKind::Failed))
    );
    assert_eq!(kind("payment_intent.created", &object), Ok(None));
    let charge = json!({ "id": "ch_1", "payment_intent": reference.as_str() });
    assert_eq!(
        kind("charge.refunded", &charge),
        Ok(Some(WebhookKind::Refunded))
    );
    for dispute in ["charge.dispute.created", "charge.dispute.closed"] {
        assert_eq!(kind(dispute, &charge), Ok(Some(WebhookKind::Disputed)));
    }
    let without_intent = json!({ "id": "ch_1", "payment_intent": null });
    assert_eq!(kind("charge.refunded", &without_intent), Ok(None));
    let mut live: serde_json::Value =
        serde_json::from_slice(&event("payment_intent.succeeded", &object)).unwrap();
    live["livemode"] = json!(true);
    let live = live.to_string().into_bytes();
    assert_eq!(
        stripe.webhook(Some(&signed(&live)), &live),
        Err(WebhookError::OtherMode)
    );
    assert_eq!(kind("plan.created", &json!({ "id": "price_1" })), Ok(None));
    let foreign = standin.object(&standin.add_foreign_intent());
    assert_eq!(kind("payment_intent.succeeded", &foreign), Ok(None));
    assert_eq!(
        kind("payment_intent.succeeded", &json!(null)),
        Err(WebhookError::Malformed)
    );
    let body = b"not json";
    assert_eq!(
        stripe.webhook(Some(&signed(body)), body),
        Err(WebhookError::Malformed)
    );
}

#[tokio::test]
async fn no_webhook_is_accepted_without_a_secret() {
    let (_, body, _) = succeeded().await;
    let stripe = Stripe::new(&ProviderConfig {
        stripe_webhook_secret: None,
        ..stripe_config("http://127.0.0.1:9", SHORT)
    })
    .unwrap();
    let signature = signed(&body);
    assert_eq!(
        stripe.webhook(Some(&signature), &body),
        Err(WebhookError::NotConfigured)
    );
    let sandbox = TestProvider::sandbox();
    let result = sandbox.provider.webhook(Some(&signature), &body);
    assert_eq!(result, Err(WebhookError::NotConfigured));
}
