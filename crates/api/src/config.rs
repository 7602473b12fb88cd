//! What the web app has to know of how the server is configured.

use serde::{Deserialize, Serialize};

/// The answer of `GET /api/payments/config`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Config {
    /// The key that the browser introduces itself to Stripe with; `null` where the payment
    /// sandbox stands in for Stripe.
    pub stripe_publishable_key: Option<String>,
    /// How long an order holds its ticket, in seconds.
    pub hold_seconds: u64,
    /// The currency of all prices, by its ISO 4217 code.
    pub currency: String,
}
