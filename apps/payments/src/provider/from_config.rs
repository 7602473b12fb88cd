//! Building the configured provider.

use std::sync::Arc;

use super::{
    PaymentProvider, ProviderBooks, ProviderConfig, Sandbox, SandboxReader, SetupError, Stripe,
};

/// The file in [`ProviderConfig::data_dir`] that holds the sandbox's intents.
const SANDBOX_FILE: &str = "sandbox-payments.ndjson";

/// Builds the configured provider. Reads and locks the sandbox's journal, so it may block for a
/// moment; call it once, at start.
pub fn from_config(config: &ProviderConfig) -> Result<Arc<dyn PaymentProvider>, SetupError> {
    if config.mode.is_stripe() {
        Ok(Arc::new(Stripe::new(config)?))
    } else {
        Ok(Arc::new(Sandbox::open(config.data_dir.join(SANDBOX_FILE))?))
    }
}

/// Builds the records of the configured provider for a process next to the one that moves money.
/// With the sandbox they are the journal as it stood at this call.
pub fn books_from_config(config: &ProviderConfig) -> Result<Arc<dyn ProviderBooks>, SetupError> {
    if config.mode.is_stripe() {
        Ok(Arc::new(Stripe::new(config)?))
    } else {
        let journal = config.data_dir.join(SANDBOX_FILE);
        Ok(Arc::new(SandboxReader::open(journal)?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Secret;
    use super::*;
    use httpkit::config::PaymentsMode;

    #[test]
    fn only_the_mode_selects_the_provider() {
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
