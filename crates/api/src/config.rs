//! What the web app has to know of how the server is configured.

use serde::{Deserialize, Serialize};

/// The answer of `GET /api/payments/config`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Config {
    /// Who takes the money, and so which card form is shown.
    pub provider: Provider,
    /// The key that the browser introduces itself to Stripe with; `null` where the payment
    /// sandbox stands in for Stripe.
    pub stripe_publishable_key: Option<String>,
    /// How long an order holds its ticket, in seconds.
    pub hold_seconds: u64,
    /// The currency of all prices, by its ISO 4217 code.
    pub currency: String,
}

/// Who takes the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Provider {
    /// Stripe, in live or test mode.
    Stripe,
    /// The built-in sandbox, which moves no money.
    Sandbox,
}
