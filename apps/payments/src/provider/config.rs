//! Creates the configured provider.

use std::path::PathBuf;
use std::time::Duration;

use httpkit::config::PaymentsMode;

/// A text that is never shown: `Debug` prints a placeholder, and memory is wiped on drop.
pub use httpkit::config::Secret;

/// The provider and its settings.
#[derive(Debug, Clone)]
pub struct ProviderConfig {
    /// `PAYMENTS`: the provider. Nothing else selects it, least of all a missing key.
    pub mode: PaymentsMode,
    /// `STRIPE_SECRET_KEY`: Stripe's secret or restricted key (`sk_…`, `rk_…`).
    pub stripe_secret_key: Option<Secret>,
    /// `STRIPE_API_BASE`: the address of Stripe's API, without a path.
    pub stripe_api_base: String,
    /// `STRIPE_WEBHOOK_SECRET`: the secret that signs webhooks (`whsec_…`); without it they are
    /// refused.
    pub stripe_webhook_secret: Option<Secret>,
    /// `DATA_DIR`: the folder of the sandbox's journal; created if missing.
    pub data_dir: PathBuf,
    /// Time limits for Stripe.
    pub timeouts: Timeouts,
}

impl ProviderConfig {
    /// Stripe's own address.
    pub const STRIPE_API_BASE: &str = "https://api.stripe.com";

    /// The sandbox, with its journal in this folder.
    pub fn sandbox(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            mode: PaymentsMode::Sandbox,
            stripe_secret_key: None,
            stripe_api_base: Self::STRIPE_API_BASE.to_owned(),
            stripe_webhook_secret: None,
            data_dir: data_dir.into(),
            timeouts: Timeouts::default(),
        }
    }
}

/// Time limits for calls to the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To connect, within a try.
    pub connect: Duration,
    /// For one try, from connecting to the last byte of the response.
    pub per_try: Duration,
    /// For a method of the trait as a whole: all tries, the pauses between them, and a final read
    /// of the state.
    pub total: Duration,
}

impl Default for Timeouts {
    /// 2 s to connect, 4 s per try, 8 s in all: a bank may take seconds to answer, and a buyer
    /// waits.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            per_try: Duration::from_secs(4),
            total: Duration::from_secs(8),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown_in_debug_output() {
        let config = ProviderConfig {
            stripe_secret_key: Some(Secret::from("sk_test_verysecret")),
            stripe_webhook_secret: Some(Secret::from("whsec_alsosecret")),
            ..ProviderConfig::sandbox("data")
        };
        let shown = format!("{config:?}");
        for secret in ["verysecret", "alsosecret"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
