//! The types that both providers share.

use serde_json::{Value, json};
use std::fmt;

use uuid::Uuid;

use super::ProviderError;

/// The data with which an intent is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The payment's id, derived from its order's id; with the attempt, the intent's identity.
    pub payment_id: Uuid,
    /// Number of intents of this payment that the provider closed before this one.
    pub attempt: u32,
    /// The order; stored at the provider for readers of its records.
    pub order_id: Uuid,
    /// The amount in the currency's smallest unit.
    pub amount_cents: u64,
    /// The ISO 4217 code in lower case, such as `usd`.
    pub currency: String,
}

/// The provider's identifier of an intent. Opaque; keep it in the log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProviderRef(String);

impl ProviderRef {
    /// Wraps a reference from a provider.
    pub fn new(reference: impl Into<String>) -> Self {
        Self(reference.into())
    }

    /// The reference as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The provider's substitute for a card number, from the buyer's browser: `tok_…` or `pm_…`.
///
/// It allows charging the card, so `Debug` shows only its kind.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// No token is longer than this.
    const MAX_LENGTH: usize = 255;

    /// Accepts possible tokens: `tok_` or `pm_`, then letters, digits and underscores.
    ///
    /// Anything else is [`ProviderError::BadToken`], without a request to a provider.
    pub fn parse(text: &str) -> Result<Self, ProviderError> {
        let rest = text
            .strip_prefix("tok_")
            .or_else(|| text.strip_prefix("pm_"));
        let well_formed = text.len() <= Self::MAX_LENGTH
            && rest.is_some_and(|rest| {
                !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            });
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(ProviderError::BadToken {
                message: "Token must be a card token (tok_…) or a payment method (pm_…)".to_owned(),
            })
        }
    }

    /// Constraints of a token in the API's description.
    pub(crate) fn keywords() -> Value {
        json!({
            "pattern": r"^\s*(tok|pm)_[A-Za-z0-9_]+\s*$",
            "maxLength": Self::MAX_LENGTH,
        })
    }

    /// The token for the provider.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is a payment method (`pm_…`) and not a card token (`tok_…`).
    pub(super) fn is_payment_method(&self) -> bool {
        self.0.starts_with("pm_")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_payment_method() {
            "Token(pm_…)"
        } else {
            "Token(tok_…)"
        })
    }
}

/// The result of an attempt to hold the money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// The money is held (or already captured): by this attempt or by an earlier one.
    Authorized,
    /// The card was declined. This attempt holds nothing, and another card may be tried.
    Declined {
        /// The provider's message for the buyer.
        reason: String,
    },
    /// The intent was closed, by [`void`](super::PaymentProvider::void) or by the provider; nothing
    /// is held, and no card can be tried on it any more.
    Voided,
}

/// The state of an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum IntentStatus {
    /// Nothing is held yet.
    Open,
    /// The amount is held on a card.
    Authorized,
    /// The amount was captured.
    Captured,
    /// Closed; nothing is held or captured.
    Voided,
}

/// An intent in the provider's records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedIntent {
    /// Its payment.
    pub payment_id: Uuid,
    /// The provider's identifier of it.
    pub reference: ProviderRef,
    /// Its state.
    pub status: IntentStatus,
    /// Its amount, in the currency's smallest unit.
    pub amount_cents: u64,
    /// The ISO 4217 code in lower case.
    pub currency: String,
    /// The part of the captured amount that was refunded.
    pub refunded_cents: u64,
    /// Whether the buyer's bank disputes it.
    pub disputed: bool,
}

/// A part of the provider's records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntentPage {
    /// The intents on this page.
    pub intents: Vec<ListedIntent>,
    /// The cursor of the next page; `None` after the last.
    pub next: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_card_token_or_a_payment_method() {
        for good in ["tok_visa", "pm_card_visa", "tok_1PgafuB7WZ01zgkWXYmPNZs8"] {
            assert_eq!(Token::parse(good).unwrap().as_str(), good);
        }
        let long = format!("tok_{}", "a".repeat(300));
        for bad in [
            "",
            "tok_",
            "pm_",
            "visa",
            "tok_vi sa",
            "tok_vi/sa",
            "card_1",
            "tok_é",
            &long,
        ] {
            assert!(
                matches!(Token::parse(bad), Err(ProviderError::BadToken { .. })),
                "{bad:?} was accepted"
            );
        }
    }

    #[test]
    fn a_token_is_not_shown_in_debug_output() {
        let token = Token::parse("tok_1PgafuB7WZ01").unwrap();
        assert_eq!(format!("{token:?}"), "Token(tok_…)");
    }
}
