//! Stripe answers late, twice, wrongly or not at all; the money is still right.

use std::time::{Duration, Instant};

use payments::provider::{
    Authorization, IntentStatus, PaymentProvider, ProviderError, ProviderRef, Stripe, Timeouts,
};

use crate::support::{SHORT, intent, stripe_at, token};
use testkit::stripe::{Fault, Money, StandIn, StripeRoute};

/// More than the number of tries in a call.
const ALWAYS: usize = 20;
const HELD_ONCE: Money = Money {
    holds: 1,
    captures: 0,
    releases: 0,
    held: 2_000,
    taken: 0,
};
const NOTHING: Money = Money {
    holds: 0,
    captures: 0,
    releases: 0,
    held: 0,
    taken: 0,
};

async fn opened() -> (StandIn, Stripe, ProviderRef) {
    let standin = StandIn::start().await;
    let stripe = stripe_at(standin.base(), SHORT);
    let reference = stripe.open(&intent()).await.unwrap();
    (standin, stripe, reference)
}

async fn pay(stripe: &Stripe, reference: &ProviderRef) -> Result<Authorization, ProviderError> {
    stripe
        .authorize(reference, &token("tok_once_1"), "attempt")
        .await
}

fn is_unreachable<T>(result: &Result<T, ProviderError>) -> bool {
    matches!(result, Err(ProviderError::Unreachable { .. }))
}

#[tokio::test]
async fn a_lost_response_to_a_confirmation_does_not_charge_twice() {
    for fault in [
        Fault::DoneButTorn,
        Fault::DoneButHang,
        Fault::DoneButStored500,
    ] {
        let (standin, stripe, reference) = opened().await;
        standin.fail_next(StripeRoute::Confirm, fault);
        assert_eq!(
            pay(&stripe, &reference).await,
            Ok(Authorization::Authorized),
            "{fault:?}"
        );
        assert_eq!(standin.money(), HELD_ONCE, "{fault:?}");
    }
}

#[tokio::test]
async fn a_hold_whose_responses_are_lost_is_found_by_reading() {
    for fault in [Fault::DoneButTorn, Fault::DoneButHang] {
        let (standin, stripe, reference) = opened().await;
        standin.fail(ALWAYS, StripeRoute::Confirm, fault);
        assert_eq!(
            pay(&stripe, &reference).await,
            Ok(Authorization::Authorized),
            "{fault:?}"
        );
        assert_eq!(standin.money(), HELD_ONCE, "{fault:?}");
    }
}

#[tokio::test]
async fn a_retry_finds_a_hold_that_was_reported_unreachable() {
    let (standin, stripe, reference) = opened().await;
    standin.fail(ALWAYS, StripeRoute::Confirm, Fault::DoneButHang);
    standin.fail(ALWAYS, StripeRoute::Read, Fault::Hang);
    assert!(is_unreachable(&pay(&stripe, &reference).await));
    assert_eq!(standin.money(), HELD_ONCE);

    // The buyer returns, with another card, through another process.
    standin.stop_failing();
    let restarted = stripe_at(standin.base(), SHORT);
    let answer = restarted
        .authorize(&reference, &token("tok_amex"), "again")
        .await;
    assert_eq!(answer, Ok(Authorization::Authorized));
    assert_eq!(standin.money(), HELD_ONCE);
}

#[tokio::test]
async fn a_timeout_is_reported_as_unreachable_in_time() {
    let (standin, _, reference) = opened().await;
    for route in [
        StripeRoute::Create,
        StripeRoute::Confirm,
        StripeRoute::Capture,
        StripeRoute::Cancel,
        StripeRoute::Read,
    ] {
        standin.fail(ALWAYS, route, Fault::Hang);
    }
    // More time for a try than for all of them: the shorter limit counts.
    let patient = Timeouts {
        per_try: Duration::from_secs(30),
        ..SHORT
    };
    let stripe = stripe_at(standin.base(), patient);
    let begun = Instant::now();
    let intent = intent();
    let (opened, paid, captured, voided, status) = tokio::join!(
        stripe.open(&intent),
        pay(&stripe, &reference),
        stripe.capture(&reference),
        stripe.void(&reference),
        stripe.status(&reference),
    );
    let took = begun.elapsed();
    assert!(took < SHORT.total + Duration::from_millis(500), "{took:?}");
    assert!(
        is_unreachable(&opened) && is_unreachable(&paid),
        "{opened:?} {paid:?}"
    );
    assert!(
        is_unreachable(&captured) && is_unreachable(&voided),
        "{captured:?} {voided:?}"
    );
    assert!(is_unreachable(&status), "{status:?}");
    assert_eq!(standin.money(), NOTHING);
}

#[tokio::test]
async fn a_refused_connection_is_unreachable() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let stripe = stripe_at(&format!("http://{free}"), SHORT);
    assert!(is_unreachable(&stripe.open(&intent()).await));
}

#[tokio::test]
async fn transient_failures_are_retried_with_the_same_key() {
    let (standin, stripe, reference) = opened().await;
    for fault in [Fault::Status(500), Fault::Reset, Fault::Status(429)] {
        standin.fail_next(StripeRoute::Confirm, fault);
    }
    assert_eq!(
        pay(&stripe, &reference).await,
        Ok(Authorization::Authorized)
    );
    let keys = standin.seen(StripeRoute::Confirm);
    assert_eq!(keys.len(), 4);
    assert!(
        keys[0].is_some() && keys.iter().all(|key| *key == keys[0]),
        "{keys:?}"
    );
    assert_eq!(standin.money(), HELD_ONCE);

    standin.fail(2, StripeRoute::Capture, Fault::Reset);
    stripe.capture(&reference).await.unwrap();
    let keys = standin.seen(StripeRoute::Capture);
    assert!(
        keys.len() == 3 && keys.iter().all(|key| *key == keys[0]),
        "{keys:?}"
    );
}

#[tokio::test]
async fn a_captive_portal_is_not_mistaken_for_stripe() {
    let (standin, stripe, reference) = opened().await;
    standin.fail_next(StripeRoute::Confirm, Fault::Portal);
    assert_eq!(
        pay(&stripe, &reference).await,
        Ok(Authorization::Authorized)
    );
    standin.fail(ALWAYS, StripeRoute::Capture, Fault::Portal);
    assert!(is_unreachable(&stripe.capture(&reference).await));
    assert_eq!(standin.money(), HELD_ONCE);
}

#[tokio::test]
async fn the_key_does_not_follow_a_redirect() {
    let (standin, stripe, reference) = opened().await;
    let thief = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    standin.fail_next(
        StripeRoute::Confirm,
        Fault::Redirect(thief.local_addr().unwrap().port()),
    );
    let result = pay(&stripe, &reference).await;
    assert!(
        matches!(result, Err(ProviderError::Rejected { .. })),
        "{result:?}"
    );
    // If it had been followed, the connection would wait here by now.
    assert!(futures_util::FutureExt::now_or_never(thief.accept()).is_none());
}

#[tokio::test]
async fn retry_after_is_respected() {
    let (standin, stripe, reference) = opened().await;
    standin.fail(ALWAYS, StripeRoute::Confirm, Fault::StatusFor(429, 30));
    let ProviderError::Unreachable { retry_after, .. } =
        pay(&stripe, &reference).await.unwrap_err()
    else {
        panic!("it was reached");
    };
    assert_eq!(retry_after, Duration::from_secs(30));
    assert_eq!(standin.seen(StripeRoute::Confirm).len(), 1);
}

#[tokio::test]
async fn stripe_should_retry_false_is_respected() {
    let (standin, stripe, reference) = opened().await;
    standin.fail_next(StripeRoute::Confirm, Fault::StatusForGood(500));
    assert!(is_unreachable(&pay(&stripe, &reference).await));
    assert_eq!(standin.seen(StripeRoute::Confirm).len(), 1);
    assert_eq!(standin.money(), NOTHING);
}

#[tokio::test]
async fn a_failure_that_stripe_stored_does_not_block_the_payment() {
    let standin = StandIn::start().await;
    let stripe = stripe_at(standin.base(), SHORT);
    let intent = intent();
    standin.fail_next(StripeRoute::Create, Fault::StoredStatus(500));
    let reference = stripe.open(&intent).await.unwrap();
    standin.fail_next(StripeRoute::Confirm, Fault::StoredStatus(500));
    assert_eq!(
        pay(&stripe, &reference).await,
        Ok(Authorization::Authorized)
    );
    // Another process that opens it gets the stored failure too, and ends with the same intent.
    let other = stripe_at(standin.base(), SHORT);
    assert_eq!(other.open(&intent).await, Ok(reference));
    assert_eq!(standin.money(), HELD_ONCE);
}

#[tokio::test]
async fn a_response_about_another_payment_is_rejected() {
    let (standin, stripe, first) = opened().await;
    standin.fail_next(StripeRoute::Create, Fault::Twice);
    let second = stripe.open(&intent()).await.unwrap();
    assert_ne!(first, second);

    // The answer about the first payment is repeated when the second is requested: a hold, …
    assert_eq!(pay(&stripe, &first).await, Ok(Authorization::Authorized));
    standin.fail_next(StripeRoute::Read, Fault::Twice);
    assert_eq!(stripe.status(&second).await, Ok(IntentStatus::Open));
    assert_eq!(standin.money(), HELD_ONCE);

    // … or a refusal, which doesn't name its payment.
    let (bad_card, good_card) = (token("tok_chargeDeclined"), token("tok_visa"));
    let third = stripe.open(&intent()).await.unwrap();
    let declined = stripe.authorize(&third, &bad_card, "bad").await;
    assert!(
        matches!(declined, Ok(Authorization::Declined { .. })),
        "{declined:?}"
    );
    standin.fail_next(StripeRoute::Confirm, Fault::Twice);
    let answer = stripe.authorize(&second, &good_card, "good").await;
    assert_eq!(answer, Ok(Authorization::Authorized));
    assert_eq!(standin.money().holds, 2);
}

#[tokio::test]
async fn a_lost_response_to_a_capture_or_void_is_looked_up() {
    for fault in [Fault::DoneButTorn, Fault::DoneButHang] {
        let (standin, stripe, reference) = opened().await;
        pay(&stripe, &reference).await.unwrap();
        standin.fail(ALWAYS, StripeRoute::Capture, fault);
        assert_eq!(stripe.capture(&reference).await, Ok(()), "{fault:?}");
        let taken = Money {
            holds: 1,
            captures: 1,
            releases: 0,
            held: 0,
            taken: 2_000,
        };
        assert_eq!(standin.money(), taken, "{fault:?}");

        let (standin, stripe, reference) = opened().await;
        pay(&stripe, &reference).await.unwrap();
        standin.fail(ALWAYS, StripeRoute::Cancel, fault);
        assert_eq!(stripe.void(&reference).await, Ok(()), "{fault:?}");
        let released = Money {
            holds: 1,
            captures: 0,
            releases: 1,
            held: 0,
            taken: 0,
        };
        assert_eq!(standin.money(), released, "{fault:?}");
    }
}

#[tokio::test]
async fn a_slow_response_is_awaited() {
    let (standin, stripe, reference) = opened().await;
    standin.fail_next(
        StripeRoute::Confirm,
        Fault::Slow(Duration::from_millis(200)),
    );
    assert_eq!(
        pay(&stripe, &reference).await,
        Ok(Authorization::Authorized)
    );
    assert_eq!(standin.seen(StripeRoute::Confirm).len(), 1);
}
