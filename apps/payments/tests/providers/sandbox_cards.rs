//! Stripe's test cards in the sandbox.

use payments::provider::{Authorization, IntentStatus, ProviderError};

use crate::support::{TestProvider, token};

#[tokio::test]
async fn test_cards_decline_with_the_messages_of_stripe() {
    let tested = TestProvider::sandbox();
    let reference = tested.opened().await;
    for (card, reason) in [
        ("tok_visa_chargeDeclined", "Your card was declined."),
        ("tok_chargeDeclinedLostCard", "Your card was declined."),
        ("tok_chargeCustomerFail", "Your card was declined."),
        (
            "pm_card_visa_chargeDeclinedInsufficientFunds",
            "Your card has insufficient funds.",
        ),
        ("tok_chargeDeclinedExpiredCard", "Your card has expired."),
        (
            "pm_card_chargeDeclinedIncorrectCvc",
            "Your card's security code is incorrect.",
        ),
        (
            "tok_chargeDeclinedProcessingError",
            "An error occurred while processing your card. Try again in a little bit.",
        ),
    ] {
        let answer = tested
            .provider
            .authorize(&reference, &token(card), "attempt")
            .await;
        assert_eq!(
            answer,
            Ok(Authorization::Declined {
                reason: reason.to_owned()
            }),
            "{card}"
        );
    }
    assert_eq!(tested.holds(), 0);
}

#[tokio::test]
async fn a_card_that_needs_authentication_is_declined_with_a_clear_reason() {
    let tested = TestProvider::sandbox();
    let reference = tested.opened().await;
    let card = token("pm_card_threeDSecure2Required");
    let answer = tested
        .provider
        .authorize(&reference, &card, "attempt")
        .await
        .unwrap();
    let Authorization::Declined { reason } = answer else {
        panic!("{answer:?}")
    };
    assert!(reason.contains("requires authentication"), "{reason}");
}

#[tokio::test]
async fn one_token_simulates_an_unreachable_provider() {
    let tested = TestProvider::sandbox();
    let reference = tested.opened().await;
    let result = tested
        .provider
        .authorize(&reference, &token("tok_sandbox_unreachable"), "1")
        .await;
    assert!(
        matches!(result, Err(ProviderError::Unreachable { .. })),
        "{result:?}"
    );
    assert_eq!(
        tested.provider.status(&reference).await,
        Ok(IntentStatus::Open)
    );
    let answer = tested
        .provider
        .authorize(&reference, &token("tok_visa"), "2")
        .await;
    assert_eq!(answer, Ok(Authorization::Authorized));
}
