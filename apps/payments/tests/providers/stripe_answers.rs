//! The meaning of Stripe's answers when nothing fails.

use payments::provider::{
    Authorization, Intent, PaymentProvider, ProviderBooks, ProviderConfig, ProviderError, Secret,
    Stripe,
};

use crate::support::{SHORT, intent, stripe_at, stripe_config, token};
use testkit::stripe::{StandIn, StripeRoute};

async fn stripe() -> (StandIn, Stripe) {
    let standin = StandIn::start().await;
    let stripe = stripe_at(standin.base(), SHORT);
    (standin, stripe)
}

#[tokio::test]
async fn a_wrong_key_is_rejected_and_never_printed() {
    let standin = StandIn::start().await;
    let stripe = Stripe::new(&ProviderConfig {
        stripe_secret_key: Some(Secret::from("sk_test_wrongkey")),
        ..stripe_config(standin.base(), SHORT)
    })
    .unwrap();
    let error = stripe.open(&intent()).await.unwrap_err();
    assert!(matches!(error, ProviderError::Rejected { .. }), "{error:?}");
    assert!(
        !format!("{error} {error:?}").contains("wrongkey"),
        "{error}"
    );
    assert_eq!(standin.seen(StripeRoute::Create).len(), 1);
}

#[tokio::test]
async fn the_payment_id_is_the_idempotency_key_of_its_intent() {
    let (standin, stripe) = stripe().await;
    let intent = intent();
    let reference = stripe.open(&intent).await.unwrap();
    assert_eq!(
        standin.seen(StripeRoute::Create),
        [Some(intent.payment_id.to_string())]
    );
    let object = standin.object(reference.as_str());
    assert_eq!(
        object["metadata"]["payment_id"],
        intent.payment_id.to_string()
    );
    assert_eq!(object["metadata"]["order_id"], intent.order_id.to_string());
    assert_eq!(object["amount"], 2_000);
}

#[tokio::test]
async fn a_token_is_not_part_of_an_idempotency_key() {
    let (standin, stripe) = stripe().await;
    let reference = stripe.open(&intent()).await.unwrap();
    stripe
        .authorize(&reference, &token("tok_once_secret"), "attempt")
        .await
        .unwrap();
    let keys = format!("{:?}", standin.seen(StripeRoute::Confirm));
    assert!(!keys.contains("secret"), "{keys}");
}

#[tokio::test]
async fn a_card_that_needs_authentication_is_declined_with_a_clear_reason() {
    let (standin, stripe) = stripe().await;
    let reference = stripe.open(&intent()).await.unwrap();
    let card = token("tok_threeDSecure2Required");
    let answer = stripe
        .authorize(&reference, &card, "attempt")
        .await
        .unwrap();
    let Authorization::Declined { reason } = answer else {
        panic!("{answer:?}")
    };
    assert!(reason.contains("requires authentication"), "{reason}");
    assert_eq!(standin.money().holds, 0);
}

#[tokio::test]
async fn reusing_a_token_is_a_client_error() {
    let (standin, stripe) = stripe().await;
    let (first, second) = (
        stripe.open(&intent()).await.unwrap(),
        stripe.open(&intent()).await.unwrap(),
    );
    let once = token("tok_once_1");
    let answer = stripe.authorize(&first, &once, "attempt").await;
    assert_eq!(answer, Ok(Authorization::Authorized));
    let error = stripe
        .authorize(&second, &once, "attempt")
        .await
        .unwrap_err();
    assert!(matches!(error, ProviderError::BadToken { .. }), "{error:?}");
    // On the intent that it paid for, the result is still the same.
    let answer = stripe.authorize(&first, &once, "another attempt").await;
    assert_eq!(answer, Ok(Authorization::Authorized));
    assert_eq!(standin.money().holds, 1);
}

#[tokio::test]
async fn an_amount_below_the_minimum_is_unpayable() {
    let (_standin, stripe) = stripe().await;
    let error = stripe
        .open(&Intent {
            amount_cents: 49,
            ..intent()
        })
        .await
        .unwrap_err();
    let reason = "Amount must be at least $0.50 usd".to_owned();
    assert_eq!(error, ProviderError::Unpayable { reason });
}

#[tokio::test]
async fn intents_of_other_applications_are_not_listed() {
    let (standin, stripe) = stripe().await;
    standin.add_foreign_intent();
    let reference = stripe.open(&intent()).await.unwrap();
    standin.add_foreign_intent();
    let listed = stripe.list(None).await.unwrap().intents;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].reference, reference);
}

#[tokio::test]
async fn an_intent_of_the_other_mode_is_not_accepted() {
    let (standin, stripe) = stripe().await;
    let reference = stripe.open(&intent()).await.unwrap();
    standin.tamper(reference.as_str(), |intent| intent.livemode = true);
    let visa = token("tok_visa");
    let errors = [
        stripe.authorize(&reference, &visa, "attempt").await.err(),
        stripe.capture(&reference).await.err(),
        stripe.status(&reference).await.err(),
        stripe.list(None).await.err(),
    ];
    for error in errors {
        let Some(ProviderError::Rejected { message }) = error else {
            panic!("{error:?}")
        };
        assert!(message.contains("of live mode"), "{message}");
    }
}
