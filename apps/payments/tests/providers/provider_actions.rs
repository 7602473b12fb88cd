//! Rules for every provider when it acts by itself.

use std::collections::HashSet;

use futures_util::future::join_all;
use payments::provider::{Authorization, Intent, IntentStatus, ProviderError};

use crate::contract::for_both_providers;
use crate::support::{TestProvider, intent, token};

for_both_providers!(
    each_attempt_of_a_payment_has_its_own_intent,
    a_closed_intent_holds_no_money_and_the_next_one_can,
    released_money_cannot_be_captured,
    refunded_money_is_listed,
);

async fn each_attempt_of_a_payment_has_its_own_intent(tested: TestProvider) {
    let first = intent();
    let second = Intent {
        attempt: 1,
        ..first.clone()
    };
    let opened = join_all((0..8).map(|n| {
        tested
            .provider
            .open(if n % 2 == 0 { &first } else { &second })
    }))
    .await;
    let references: HashSet<_> = opened.into_iter().map(Result::unwrap).collect();
    assert_eq!(references.len(), 2);
    let listed = tested.provider.list(None).await.unwrap().intents;
    assert_eq!(listed.len(), 2);
    for intent in &listed {
        assert_eq!(intent.payment_id, first.payment_id);
        assert!(references.contains(&intent.reference));
    }
    for reference in &references {
        assert_eq!(
            tested.provider.status(reference).await,
            Ok(IntentStatus::Open)
        );
    }
}

async fn a_closed_intent_holds_no_money_and_the_next_one_can(tested: TestProvider) {
    let (first, card) = (intent(), token("tok_sandbox_intent_cancelled"));
    let closed = tested.provider.open(&first).await.unwrap();
    let answer = tested.provider.authorize(&closed, &card, "attempt").await;
    assert_eq!(answer, Ok(Authorization::Voided));
    assert_eq!(
        tested.provider.status(&closed).await,
        Ok(IntentStatus::Voided)
    );
    assert_eq!(tested.holds(), 0);
    let next = Intent {
        attempt: 1,
        ..first
    };
    let next = tested.provider.open(&next).await.unwrap();
    let answer = tested.provider.authorize(&next, &card, "attempt").await;
    assert_eq!(answer, Ok(Authorization::Authorized));
    assert_eq!(tested.holds(), 1);
    // A closed intent stays closed.
    let answer = tested
        .provider
        .authorize(&closed, &token("tok_visa"), "late")
        .await;
    assert_eq!(answer, Ok(Authorization::Voided));
    assert_eq!(tested.holds(), 1);
}

async fn released_money_cannot_be_captured(tested: TestProvider) {
    let reference = tested.authorized_with("tok_sandbox_capture_fails").await;
    for _ in 0..2 {
        assert_eq!(
            tested.provider.capture(&reference).await,
            Err(ProviderError::AlreadyVoided)
        );
    }
    assert_eq!(
        tested.provider.status(&reference).await,
        Ok(IntentStatus::Voided)
    );
}

async fn refunded_money_is_listed(tested: TestProvider) {
    for (card, refunded, disputed) in [
        ("tok_visa", 0, false),
        ("tok_sandbox_refunded", 2_000, false),
        ("tok_sandbox_partly_refunded", 1_000, false),
        ("tok_createDispute", 0, true),
    ] {
        let reference = tested.authorized_with(card).await;
        tested.provider.capture(&reference).await.unwrap();
        let listed = tested.provider.list(None).await.unwrap().intents;
        let found = listed.iter().find(|intent| intent.reference == reference);
        let found = found.unwrap();
        assert_eq!(found.status, IntentStatus::Captured, "{card}");
        assert_eq!(
            (found.refunded_cents, found.disputed),
            (refunded, disputed),
            "{card}"
        );
    }
}
