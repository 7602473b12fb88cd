//! Rules for every provider. Each test runs against the sandbox and against Stripe's stand-in.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use payments::provider::{Authorization, Intent, IntentStatus, ProviderError, ProviderRef};

use crate::support::{TestProvider, intent, token};

macro_rules! for_both_providers {
    ($($test:ident),* $(,)?) => {
        mod sandbox {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() { super::$test(super::TestProvider::sandbox()).await; })*
        }
        mod stripe {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() { super::$test(super::TestProvider::stripe().await).await; })*
        }
    };
}

pub(crate) use for_both_providers;

for_both_providers!(
    reopening_a_payment_returns_its_intent,
    reopening_a_payment_with_different_data_is_rejected,
    an_amount_outside_the_limits_is_unpayable,
    a_decline_has_a_reason_and_another_card_can_be_tried,
    a_repeated_attempt_returns_the_same_result,
    a_repeated_decline_returns_the_current_state,
    another_card_under_the_same_attempt_key_is_another_attempt,
    two_concurrent_cards_on_one_intent_hold_money_once,
    an_intent_with_held_money_is_authorized_for_any_card,
    an_unknown_token_is_a_client_error,
    an_unknown_reference_is_rejected,
    a_second_capture_takes_no_money,
    a_second_void_is_not_an_error,
    a_captured_payment_is_not_voided,
    a_voided_payment_is_not_captured,
    nothing_is_captured_before_a_card_is_authorized,
    a_voided_intent_accepts_no_card,
    concurrent_capture_and_void_have_one_winner,
    pages_list_every_intent_once,
);

fn rejected<T: std::fmt::Debug>(result: &Result<T, ProviderError>) {
    assert!(
        matches!(result, Err(ProviderError::Rejected { .. })),
        "{result:?}"
    );
}

async fn reopening_a_payment_returns_its_intent(tested: TestProvider) {
    let intent = intent();
    let opened = join_all((0..8).map(|_| tested.provider.open(&intent))).await;
    let references: HashSet<_> = opened.into_iter().map(Result::unwrap).collect();
    assert_eq!(references.len(), 1);
    let page = tested.provider.list(None).await.unwrap();
    assert_eq!(page.intents.len(), 1);
    assert_eq!(page.intents[0].payment_id, intent.payment_id);
    assert_eq!(page.intents[0].amount_cents, intent.amount_cents);
}

async fn reopening_a_payment_with_different_data_is_rejected(tested: TestProvider) {
    let first = intent();
    tested.provider.open(&first).await.unwrap();
    rejected(
        &tested
            .provider
            .open(&Intent {
                amount_cents: 2_001,
                ..first.clone()
            })
            .await,
    );
    rejected(
        &tested
            .provider
            .open(&Intent {
                currency: "eur".to_owned(),
                ..first.clone()
            })
            .await,
    );
    rejected(
        &tested
            .provider
            .open(&Intent {
                order_id: intent().order_id,
                ..first
            })
            .await,
    );
}

async fn an_amount_outside_the_limits_is_unpayable(tested: TestProvider) {
    let open = async |amount_cents| {
        let intent = Intent {
            amount_cents,
            ..intent()
        };
        tested.provider.open(&intent).await
    };
    for amount in [0, 49, 100_000_000] {
        let result = open(amount).await;
        assert!(
            matches!(result, Err(ProviderError::Unpayable { .. })),
            "{amount}: {result:?}"
        );
    }
    for amount in [50, 99_999_999] {
        assert!(open(amount).await.is_ok(), "{amount}");
    }
}

async fn a_decline_has_a_reason_and_another_card_can_be_tried(tested: TestProvider) {
    let reference = tested.opened().await;
    for (card, reason) in [
        ("tok_chargeDeclined", "Your card was declined."),
        ("pm_card_chargeDeclined", "Your card was declined."),
        (
            "tok_chargeDeclinedInsufficientFunds",
            "Your card has insufficient funds.",
        ),
    ] {
        let answer = tested
            .provider
            .authorize(&reference, &token(card), card)
            .await
            .unwrap();
        assert_eq!(
            answer,
            Authorization::Declined {
                reason: reason.to_owned()
            }
        );
        assert_eq!(
            tested.provider.status(&reference).await,
            Ok(IntentStatus::Open)
        );
    }
    let answer = tested
        .provider
        .authorize(&reference, &token("pm_card_visa"), "last")
        .await;
    assert_eq!(answer, Ok(Authorization::Authorized));
    assert_eq!(
        tested.provider.status(&reference).await,
        Ok(IntentStatus::Authorized)
    );
    assert_eq!(tested.holds(), 1);
}

async fn a_repeated_attempt_returns_the_same_result(tested: TestProvider) {
    for card in ["tok_visa", "tok_chargeDeclined"] {
        let reference = tested.opened().await;
        let first = tested
            .provider
            .authorize(&reference, &token(card), "same")
            .await
            .unwrap();
        let again = tested
            .provider
            .authorize(&reference, &token(card), "same")
            .await
            .unwrap();
        assert_eq!(first, again);
    }
    assert_eq!(tested.holds(), 1);
}

async fn a_repeated_decline_returns_the_current_state(tested: TestProvider) {
    let reference = tested.opened().await;
    let bad_card = token("tok_chargeDeclined");
    let declined = tested
        .provider
        .authorize(&reference, &bad_card, "bad")
        .await;
    assert!(
        matches!(declined, Ok(Authorization::Declined { .. })),
        "{declined:?}"
    );
    let answer = tested
        .provider
        .authorize(&reference, &token("tok_visa"), "good")
        .await;
    assert_eq!(answer, Ok(Authorization::Authorized));
    let again = tested
        .provider
        .authorize(&reference, &bad_card, "bad")
        .await;
    assert_eq!(again, Ok(Authorization::Authorized));
    tested.provider.void(&reference).await.unwrap();
    let again = tested
        .provider
        .authorize(&reference, &bad_card, "bad")
        .await;
    assert_eq!(again, Ok(Authorization::Voided));
}

async fn another_card_under_the_same_attempt_key_is_another_attempt(tested: TestProvider) {
    let reference = tested.opened().await;
    let (bad_card, good_card) = (token("tok_chargeDeclined"), token("tok_visa"));
    let declined = tested
        .provider
        .authorize(&reference, &bad_card, "same")
        .await;
    assert!(
        matches!(declined, Ok(Authorization::Declined { .. })),
        "{declined:?}"
    );
    let answer = tested
        .provider
        .authorize(&reference, &good_card, "same")
        .await;
    assert_eq!(answer, Ok(Authorization::Authorized));
}

async fn two_concurrent_cards_on_one_intent_hold_money_once(tested: TestProvider) {
    tested.set_bank_time(Duration::from_millis(40));
    for _ in 0..5 {
        let before = tested.holds();
        let reference = tested.opened().await;
        let (visa, mastercard) = (token("tok_visa"), token("tok_mastercard"));
        let (one, other) = tokio::join!(
            tested.provider.authorize(&reference, &visa, "one"),
            tested.provider.authorize(&reference, &mastercard, "other"),
        );
        assert_eq!(one, Ok(Authorization::Authorized));
        assert_eq!(other, Ok(Authorization::Authorized));
        assert_eq!(tested.holds() - before, 1);
    }
}

async fn an_intent_with_held_money_is_authorized_for_any_card(tested: TestProvider) {
    let reference = tested.authorized().await;
    for card in ["tok_mastercard", "tok_chargeDeclined", "tok_neverHeardOf"] {
        let answer = tested
            .provider
            .authorize(&reference, &token(card), card)
            .await;
        assert_eq!(answer, Ok(Authorization::Authorized), "{card}");
    }
    tested.provider.capture(&reference).await.unwrap();
    let answer = tested
        .provider
        .authorize(&reference, &token("tok_amex"), "late")
        .await;
    assert_eq!(answer, Ok(Authorization::Authorized));
    assert_eq!(tested.holds(), 1);
}

async fn an_unknown_token_is_a_client_error(tested: TestProvider) {
    let reference = tested.opened().await;
    let error = tested
        .provider
        .authorize(&reference, &token("tok_neverHeardOf"), "attempt")
        .await
        .unwrap_err();
    assert!(matches!(error, ProviderError::BadToken { .. }), "{error:?}");
    assert_eq!(error.to_string(), "No such token: 'tok_neverHeardOf'");
}

async fn an_unknown_reference_is_rejected(tested: TestProvider) {
    for reference in ["pi_1", "sandbox_pi_1", "../accounts", ""] {
        let reference = ProviderRef::new(reference);
        rejected(&tested.provider.capture(&reference).await);
        rejected(&tested.provider.void(&reference).await);
        rejected(
            &tested
                .provider
                .authorize(&reference, &token("tok_visa"), "attempt")
                .await,
        );
    }
    rejected(&tested.provider.status(&ProviderRef::new("pi_1")).await);
}

async fn a_second_capture_takes_no_money(tested: TestProvider) {
    let reference = tested.authorized().await;
    for _ in 0..3 {
        assert_eq!(tested.provider.capture(&reference).await, Ok(()));
    }
    assert_eq!(
        tested.provider.status(&reference).await,
        Ok(IntentStatus::Captured)
    );
}

async fn a_second_void_is_not_an_error(tested: TestProvider) {
    for reference in [tested.authorized().await, tested.opened().await] {
        for _ in 0..3 {
            assert_eq!(tested.provider.void(&reference).await, Ok(()));
        }
        assert_eq!(
            tested.provider.status(&reference).await,
            Ok(IntentStatus::Voided)
        );
    }
}

async fn a_captured_payment_is_not_voided(tested: TestProvider) {
    let reference = tested.authorized().await;
    tested.provider.capture(&reference).await.unwrap();
    assert_eq!(
        tested.provider.void(&reference).await,
        Err(ProviderError::AlreadyCaptured)
    );
    assert_eq!(
        tested.provider.status(&reference).await,
        Ok(IntentStatus::Captured)
    );
}

async fn a_voided_payment_is_not_captured(tested: TestProvider) {
    let reference = tested.authorized().await;
    tested.provider.void(&reference).await.unwrap();
    assert_eq!(
        tested.provider.capture(&reference).await,
        Err(ProviderError::AlreadyVoided)
    );
    assert_eq!(
        tested.provider.status(&reference).await,
        Ok(IntentStatus::Voided)
    );
}

async fn nothing_is_captured_before_a_card_is_authorized(tested: TestProvider) {
    let reference = tested.opened().await;
    assert_eq!(
        tested.provider.capture(&reference).await,
        Err(ProviderError::NothingHeld)
    );
    // The refusal isn't permanent: once money is held, it can be captured.
    let answer = tested
        .provider
        .authorize(&reference, &token("tok_visa"), "attempt")
        .await;
    assert_eq!(answer, Ok(Authorization::Authorized));
    assert_eq!(tested.provider.capture(&reference).await, Ok(()));
}

async fn a_voided_intent_accepts_no_card(tested: TestProvider) {
    let reference = tested.authorized().await;
    tested.provider.void(&reference).await.unwrap();
    // Neither a new attempt nor the one that once succeeded.
    for attempt in ["second", "first"] {
        let answer = tested
            .provider
            .authorize(&reference, &token("tok_visa"), attempt)
            .await;
        assert_eq!(answer, Ok(Authorization::Voided), "{attempt}");
    }
    assert_eq!(tested.holds(), 1);
}

async fn concurrent_capture_and_void_have_one_winner(tested: TestProvider) {
    for _ in 0..10 {
        let reference = tested.authorized().await;
        let (captured, voided) = tokio::join!(
            tested.provider.capture(&reference),
            tested.provider.void(&reference)
        );
        match tested.provider.status(&reference).await.unwrap() {
            IntentStatus::Captured => {
                assert_eq!(
                    (captured, voided),
                    (Ok(()), Err(ProviderError::AlreadyCaptured))
                );
            }
            IntentStatus::Voided => {
                assert_eq!(
                    (captured, voided),
                    (Err(ProviderError::AlreadyVoided), Ok(()))
                );
            }
            other => panic!("{other:?} after {captured:?} and {voided:?}"),
        }
    }
}

async fn pages_list_every_intent_once(tested: TestProvider) {
    const COUNT: usize = 230;
    let intents: Vec<_> = (0..COUNT).map(|_| intent()).collect();
    let opened = join_all(intents.iter().map(|intent| tested.provider.open(intent))).await;
    tested
        .provider
        .void(opened[7].as_ref().unwrap())
        .await
        .unwrap();

    let (mut listed, mut pages, mut cursor) = (Vec::new(), 0, None);
    loop {
        let page = tested.provider.list(cursor.as_deref()).await.unwrap();
        listed.extend(page.intents);
        pages += 1;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((listed.len(), pages), (COUNT, 3));
    for (intent, reference) in intents.iter().zip(opened) {
        let found = listed
            .iter()
            .find(|listed| listed.payment_id == intent.payment_id)
            .unwrap();
        assert_eq!(found.reference, reference.unwrap());
        let voided = intent.payment_id == intents[7].payment_id;
        let expected = if voided {
            IntentStatus::Voided
        } else {
            IntentStatus::Open
        };
        assert_eq!(found.status, expected);
    }
}
