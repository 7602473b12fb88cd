//! What a provider says by itself, once its signature is checked.

use thiserror::Error;
use uuid::Uuid;

use super::ProviderRef;

/// The header that carries the signature of a webhook's body.
pub const SIGNATURE_HEADER: &str = "Stripe-Signature";

/// Something happened to an intent of this application. A hint to look, nothing more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    /// The provider's id of the event; the same again when it is delivered again.
    pub id: String,
    /// What is said to have happened.
    pub kind: WebhookKind,
    /// The payment whose intent it is, if the message says it.
    pub payment_id: Option<Uuid>,
    /// The intent.
    pub reference: ProviderRef,
}

/// What is said to have happened to an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum WebhookKind {
    /// Money is held.
    Authorized,
    /// The money was taken.
    Captured,
    /// The intent was closed.
    Voided,
    /// A card was declined.
    Failed,
    /// Money that was taken was given back, as a whole or in part.
    Refunded,
    /// The buyer's bank asks for the money back, or has decided on that.
    Disputed,
}

impl WebhookKind {
    /// Whether it says that money that was taken isn't, or may not stay, here.
    pub fn is_about_money_that_leaves(self) -> bool {
        matches!(self, Self::Refunded | Self::Disputed)
    }
}

/// Why a webhook is not believed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WebhookError {
    /// This provider sends none, or no signing secret is configured. Becomes 404.
    #[error("no webhook is configured")]
    NotConfigured,
    /// The signature is missing, malformed, too old or wrong. Becomes 400.
    #[error("the webhook's signature is refused: {0}")]
    Forged(&'static str),
    /// It is of live mode and this process isn't, or the other way round. Becomes 400.
    #[error("the webhook is of the other mode: live or test")]
    OtherMode,
    /// The signature is right, but the body can't be read. Becomes 400.
    #[error("the webhook's body can't be read")]
    Malformed,
}
