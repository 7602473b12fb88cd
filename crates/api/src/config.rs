//! The server's configuration for the web app.

use serde::{Deserialize, Serialize};

/// The answer of `GET /api/payments/config`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebConfig {
    /// The payment provider, which determines the card form.
    pub provider: Provider,
    /// The browser's key for Stripe; `null` where the payment sandbox stands in for Stripe.
    pub stripe_publishable_key: Option<String>,
    /// How long an order holds its ticket, in seconds.
    pub hold_seconds: u64,
    /// The currency of all prices, by its ISO 4217 code.
    pub currency: String,
}

/// The payment provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Provider {
    /// Stripe, in live or test mode.
    Stripe,
    /// The built-in sandbox, which moves no money.
    Sandbox,
}
