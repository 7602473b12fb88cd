//! The fields of Stripe's objects and errors that are read here.

use std::collections::HashMap;

use serde::Deserialize;
use uuid::Uuid;

use crate::provider::{IntentStatus, ListedIntent, ProviderError, ProviderRef};

/// The value of the metadata key `application`, which distinguishes our intents from others in the
/// same Stripe account.
pub(super) const APPLICATION: &str = "turnstile";

#[derive(Debug, Deserialize)]
pub(super) struct PaymentIntent {
    pub id: String,
    pub amount: u64,
    pub currency: String,
    pub status: Status,
    /// Whether it is real money.
    pub livemode: bool,
    #[serde(default)]
    pub metadata: HashMap<String, String>,
    /// The charge that captured the money; complete only where requested.
    #[serde(default)]
    latest_charge: Option<LatestCharge>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum LatestCharge {
    Whole(Charge),
    /// Its ID alone.
    Named(serde::de::IgnoredAny),
}

/// The state of captured money.
#[derive(Debug, Default, Clone, Deserialize)]
struct Charge {
    amount_refunded: u64,
    disputed: bool,
}

/// The intent in a webhook about a charge or a dispute.
#[derive(Debug, Deserialize)]
pub(super) struct OfIntent {
    pub payment_intent: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    RequiresCapture,
    Canceled,
    Succeeded,
    /// A status that Stripe added since: neither held nor final, as far as is known.
    #[serde(other)]
    Unknown,
}

impl From<Status> for IntentStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::RequiresPaymentMethod
            | Status::RequiresConfirmation
            | Status::RequiresAction
            | Status::Processing
            | Status::Unknown => Self::Open,
            Status::RequiresCapture => Self::Authorized,
            Status::Succeeded => Self::Captured,
            Status::Canceled => Self::Voided,
        }
    }
}

impl PaymentIntent {
    /// The payment of the intent, if this application opened it.
    pub(super) fn payment_id(&self) -> Option<Uuid> {
        let ours = self
            .metadata
            .get("application")
            .is_some_and(|name| name == APPLICATION);
        let id = self.metadata.get("payment_id").filter(|_| ours)?;
        Uuid::try_parse(id).ok()
    }

    /// The intent for the reconciliation, if this application opened it.
    pub(super) fn listed(&self) -> Option<ListedIntent> {
        let charge = match &self.latest_charge {
            Some(LatestCharge::Whole(charge)) => charge.clone(),
            Some(LatestCharge::Named(_)) | None => Charge::default(),
        };
        self.payment_id().map(|payment_id| ListedIntent {
            refunded_cents: charge.amount_refunded,
            disputed: charge.disputed,
            payment_id,
            reference: ProviderRef::new(&self.id),
            status: self.status.into(),
            amount_cents: self.amount,
            currency: self.currency.clone(),
        })
    }
}

/// A page of intents, newest first.
#[derive(Debug, Deserialize)]
pub(super) struct List {
    pub data: Vec<PaymentIntent>,
    pub has_more: bool,
}

/// The body of every error.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope {
    pub error: ApiError,
}

/// Why Stripe refused a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct ApiError {
    #[serde(rename = "type", default)]
    pub kind: String,
    pub code: Option<String>,
    pub message: Option<String>,
    pub param: Option<String>,
}

/// The meaning of a refusal for a payment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The card was declined, with Stripe's message for the buyer.
    Declined(Option<String>),
    /// The bank requires the buyer to authenticate.
    AuthenticationRequired,
    /// The intent isn't in a state that allows the request.
    UnexpectedState,
    /// The token or payment method can't be used.
    BadToken,
    /// The amount is outside of Stripe's limits.
    BadAmount,
    /// Anything else: configuration, permissions, a fault in the request.
    Other,
}

impl ApiError {
    pub(super) fn meaning(&self) -> Meaning {
        match (self.kind.as_str(), self.code.as_deref().unwrap_or_default()) {
            (_, "authentication_required" | "payment_intent_authentication_failure") => {
                Meaning::AuthenticationRequired
            }
            ("card_error", _) => Meaning::Declined(self.message.clone()),
            (_, "payment_intent_unexpected_state") => Meaning::UnexpectedState,
            (_, "amount_too_small" | "amount_too_large") => Meaning::BadAmount,
            (_, "token_already_used" | "token_in_use") => Meaning::BadToken,
            ("invalid_request_error", _) if self.is_about_the_token() => Meaning::BadToken,
            _ => Meaning::Other,
        }
    }

    fn is_about_the_token(&self) -> bool {
        self.param.as_deref().is_some_and(|param| {
            param == "payment_method" || param.starts_with("payment_method_data")
        })
    }

    /// The error as a [`ProviderError`], when nothing makes it a result.
    pub(super) fn into_provider_error(self) -> ProviderError {
        let message = self.message.clone().unwrap_or_else(|| self.kind.clone());
        match self.meaning() {
            Meaning::BadToken => ProviderError::BadToken { message },
            Meaning::BadAmount => ProviderError::Unpayable { reason: message },
            _ => ProviderError::Rejected {
                message: match self.code {
                    Some(code) => format!("{} ({code}): {message}", self.kind),
                    None => format!("{}: {message}", self.kind),
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: &str, code: &str, param: &str) -> ApiError {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        ApiError {
            kind: kind.to_owned(),
            code: text(code),
            message: text("Why."),
            param: text(param),
        }
    }

    #[test]
    fn only_errors_about_the_token_are_client_errors() {
        let of = |kind, code, param| error(kind, code, param).meaning();
        let invalid = "invalid_request_error";
        assert_eq!(
            of(invalid, "resource_missing", "payment_method"),
            Meaning::BadToken
        );
        let nested = "payment_method_data[card][token]";
        assert_eq!(of(invalid, "resource_missing", nested), Meaning::BadToken);
        assert_eq!(of(invalid, "token_already_used", ""), Meaning::BadToken);
        assert_eq!(of(invalid, "resource_missing", "intent"), Meaning::Other);
        assert_eq!(of(invalid, "", "payment_method_types"), Meaning::Other);
        assert_eq!(of("idempotency_error", "", ""), Meaning::Other);
        assert_eq!(
            of("card_error", "expired_card", ""),
            Meaning::Declined(Some("Why.".into()))
        );
    }
}
