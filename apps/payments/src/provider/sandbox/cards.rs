//! Stripe's test cards, by the names of their tokens and payment methods.

use serde::{Deserialize, Serialize};

use crate::provider::{AUTHENTICATION_REQUIRED, ProviderError, Token};

/// The behavior of a test card when money is to be held on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Card {
    /// The bank accepts.
    Accepts,
    /// The bank declines, with this message for the buyer.
    Declines(&'static str),
    /// The bank doesn't answer, and nothing is held.
    Unreachable,
    /// The provider closes the payment's first intent instead of trying the card on it.
    ClosesTheFirstIntent,
    /// The bank accepts, with a problem later.
    AcceptsAndThen(Later),
}

/// The problem when the held money is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Later {
    /// The intent is closed, and the money is gone.
    Closed,
    /// It is captured, and completely refunded.
    Refunded,
    /// It is captured, and half of it refunded.
    PartlyRefunded,
    /// It is captured, and the buyer's bank disputes it.
    Disputed,
}

const GENERIC: &str = "Your card was declined.";
const INSUFFICIENT_FUNDS: &str = "Your card has insufficient funds.";
const EXPIRED: &str = "Your card has expired.";
const INCORRECT_CVC: &str = "Your card's security code is incorrect.";
const PROCESSING_ERROR: &str =
    "An error occurred while processing your card. Try again in a little bit.";
const TOO_FREQUENT: &str = "Your card was declined for making repeated attempts too frequently or \
                            exceeding its amount limit.";

/// Finds the test card of a token.
///
/// Stripe calls the same card `tok_x` and `pm_card_x`, and some with and without the brand
/// (`tok_chargeDeclined`, `tok_visa_chargeDeclined`); all of these work.
pub(super) fn card_of(token: &Token) -> Result<Card, ProviderError> {
    let text = token.as_str();
    let known = match text.strip_prefix("pm_") {
        Some(method) => method.strip_prefix("card_").and_then(named),
        None => text.strip_prefix("tok_").and_then(named),
    };
    known.ok_or_else(|| ProviderError::BadToken {
        message: if token.is_payment_method() {
            format!("No such PaymentMethod: '{text}'")
        } else {
            format!("No such token: '{text}'")
        },
    })
}

fn named(name: &str) -> Option<Card> {
    if let Some(trouble) = name.strip_prefix("sandbox_") {
        return Some(match trouble {
            "unreachable" => Card::Unreachable,
            "intent_cancelled" => Card::ClosesTheFirstIntent,
            "capture_fails" => Card::AcceptsAndThen(Later::Closed),
            "refunded" => Card::AcceptsAndThen(Later::Refunded),
            "partly_refunded" => Card::AcceptsAndThen(Later::PartlyRefunded),
            _ => return None,
        });
    }
    let behavior = name.strip_prefix("visa_").unwrap_or(name);
    Some(match behavior {
        "visa" | "debit" | "visa_debit" | "mastercard" | "mastercard_debit"
        | "mastercard_prepaid" | "amex" | "discover" | "diners" | "jcb" | "unionpay" => {
            Card::Accepts
        }
        // Cards whose checks fail or that cause problems later, but are charged by default.
        "avsFail"
        | "avsLine1Fail"
        | "avsZipFail"
        | "avsUnchecked"
        | "cvcCheckFail"
        | "riskLevelElevated"
        | "threeDSecureOptional"
        | "bypassPending" => Card::Accepts,
        "createDispute" => Card::AcceptsAndThen(Later::Disputed),
        "chargeDeclined"
        | "chargeDeclinedLostCard"
        | "chargeDeclinedStolenCard"
        | "chargeDeclinedFraudulent"
        | "chargeCustomerFail"
        | "radarBlock"
        | "riskLevelHighest"
        | "threeDSecureRequiredChargeDeclined" => Card::Declines(GENERIC),
        "chargeDeclinedInsufficientFunds" => Card::Declines(INSUFFICIENT_FUNDS),
        "chargeDeclinedExpiredCard" => Card::Declines(EXPIRED),
        "chargeDeclinedIncorrectCvc" => Card::Declines(INCORRECT_CVC),
        "chargeDeclinedProcessingError" => Card::Declines(PROCESSING_ERROR),
        "chargeDeclinedVelocityLimitExceeded" => Card::Declines(TOO_FREQUENT),
        "threeDSecureRequired" | "threeDSecure2Required" | "authenticationRequired" => {
            Card::Declines(AUTHENTICATION_REQUIRED)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(token: &str) -> Result<Card, ProviderError> {
        card_of(&Token::parse(token).unwrap())
    }

    #[test]
    fn every_spelling_of_a_test_card_is_recognized() {
        for token in [
            "tok_visa",
            "pm_card_visa",
            "tok_amex",
            "pm_card_mastercard",
            "tok_discover",
        ] {
            assert_eq!(card(token), Ok(Card::Accepts), "{token}");
        }
        for token in [
            "tok_chargeDeclined",
            "tok_visa_chargeDeclined",
            "pm_card_visa_chargeDeclined",
            "pm_card_chargeDeclined",
        ] {
            assert_eq!(card(token), Ok(Card::Declines(GENERIC)), "{token}");
        }
        assert_eq!(
            card("tok_chargeDeclinedInsufficientFunds"),
            Ok(Card::Declines(INSUFFICIENT_FUNDS))
        );
        assert_eq!(card("tok_visa_debit"), Ok(Card::Accepts));
    }

    #[test]
    fn an_unknown_token_is_named_in_the_error() {
        let message = |token| card(token).unwrap_err().to_string();
        assert_eq!(message("tok_nonsense"), "No such token: 'tok_nonsense'");
        assert_eq!(message("pm_visa"), "No such PaymentMethod: 'pm_visa'");
    }
}
