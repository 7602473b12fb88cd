//! Creates the configured provider.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use httpkit::config::PaymentsMode;

use super::{PaymentProvider, Sandbox, SandboxReader, SetupError, Stripe};

/// A text that is never shown: `Debug` prints a placeholder, and memory is wiped on drop.
pub use httpkit::config::Secret;

/// The sandbox's file with its intents, in [`ProviderConfig::data_dir`].
const SANDBOX_FILE: &str = "sandbox-payments.ndjson";

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

/// Creates the configured provider. Reads and locks the sandbox's journal, so it may block for a
/// moment; call it once, at start.
pub fn from_config(config: &ProviderConfig) -> Result<Arc<dyn PaymentProvider>, SetupError> {
    if config.mode.is_stripe() {
        Ok(Arc::new(Stripe::new(config)?))
    } else {
        Ok(Arc::new(Sandbox::open(config.data_dir.join(SANDBOX_FILE))?))
    }
}

/// Creates the configured provider for a process that only reads, next to the one that writes:
/// `status` and `list` work. With the sandbox everything else is
/// [`ProviderError::Rejected`](super::ProviderError::Rejected), and reads return the state of the
/// journal at this call.
pub fn reader_from_config(config: &ProviderConfig) -> Result<Arc<dyn PaymentProvider>, SetupError> {
    if config.mode.is_stripe() {
        Ok(Arc::new(Stripe::new(config)?))
    } else {
        let journal = config.data_dir.join(SANDBOX_FILE);
        Ok(Arc::new(SandboxReader::open(journal)?))
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

    #[test]
    fn only_the_mode_decides_which_provider_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = ProviderConfig::sandbox(folder.path());
        config.stripe_secret_key = Some(Secret::from("sk_test_1"));
        assert_eq!(from_config(&config).unwrap().name(), "sandbox");
        config.mode = PaymentsMode::StripeTest;
        assert_eq!(from_config(&config).unwrap().name(), "stripe");
        config.mode = PaymentsMode::Stripe;
        assert!(from_config(&config).is_err(), "a key of test mode");
        config.stripe_secret_key = None;
        assert!(from_config(&config).is_err(), "no key");
    }
}
