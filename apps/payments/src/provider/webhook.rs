//! The events of a provider, after their signature is verified.

use thiserror::Error;
use uuid::Uuid;

use super::ProviderRef;

/// The header that carries the signature of a webhook's body.
pub const SIGNATURE_HEADER: &str = "Stripe-Signature";

/// An event of an intent of this application: only a hint to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    /// The provider's ID of the event; the same when it is delivered again.
    pub id: String,
    /// The kind of the event.
    pub kind: WebhookKind,
    /// The payment of the intent, if the event names it.
    pub payment_id: Option<Uuid>,
    /// The intent.
    pub reference: ProviderRef,
}

/// The kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum WebhookKind {
    /// Money is held.
    Authorized,
    /// The money was captured.
    Captured,
    /// The intent was closed.
    Voided,
    /// A card was declined.
    Failed,
    /// Captured money was refunded, completely or in part.
    Refunded,
    /// The buyer's bank disputes the money, or the dispute was decided.
    Disputed,
}

impl WebhookKind {
    /// Whether captured money was refunded, or may be.
    pub fn is_about_money_that_leaves(self) -> bool {
        matches!(self, Self::Refunded | Self::Disputed)
    }
}

/// Why a webhook is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WebhookError {
    /// This provider sends none, or no signing secret is configured. Becomes 404.
    #[error("no webhook is configured")]
    NotConfigured,
    /// The signature is missing, malformed, too old or wrong. Becomes 400.
    #[error("the webhook's signature is refused: {0}")]
    Forged(&'static str),
    /// It is from live mode and this process isn't, or the other way round. Becomes 400.
    #[error("the webhook is of the other mode: live or test")]
    OtherMode,
    /// The signature is valid, but the body can't be parsed. Becomes 400.
    #[error("the webhook's body can't be read")]
    Malformed,
}
