//! A provider to test, and access to its records.

use std::path::{Path, PathBuf};
use std::time::Duration;

use httpkit::config::PaymentsMode;
use payments::provider::{
    Intent, PaymentProvider, ProviderConfig, ProviderRef, Sandbox, Secret, Stripe, Timeouts, Token,
};
use tempfile::TempDir;
use uuid::Uuid;

use testkit::stripe::{KEY, StandIn};

pub const WEBHOOK_SECRET: &str = "whsec_standin";

/// Timeouts that a test can wait for.
pub const SHORT: Timeouts = Timeouts {
    connect: Duration::from_millis(500),
    per_try: Duration::from_millis(600),
    total: Duration::from_secs(2),
};

/// A provider, and the server behind it.
pub struct TestProvider {
    pub provider: Box<dyn PaymentProvider>,
    backing: Backing,
}

enum Backing {
    Sandbox(TempDir),
    Stripe(StandIn),
}

impl TestProvider {
    pub fn sandbox() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let provider = Sandbox::open(journal_in(folder.path())).unwrap();
        Self {
            provider: Box::new(provider),
            backing: Backing::Sandbox(folder),
        }
    }

    pub async fn stripe() -> Self {
        let standin = StandIn::start().await;
        let provider = stripe_at(standin.base(), Timeouts::default());
        Self {
            provider: Box::new(provider),
            backing: Backing::Stripe(standin),
        }
    }

    /// Number of holds in the provider's own records.
    pub fn holds(&self) -> usize {
        match &self.backing {
            Backing::Sandbox(folder) => {
                let journal = std::fs::read_to_string(journal_in(folder.path())).unwrap();
                journal.matches(r#""event":"authorized""#).count()
            }
            Backing::Stripe(standin) => standin.money().holds as usize,
        }
    }

    /// Sets the delay of the bank, if there is one.
    pub fn set_bank_time(&self, time: Duration) {
        if let Backing::Stripe(standin) = &self.backing {
            standin.set_bank_time(time);
        }
    }

    pub async fn opened(&self) -> ProviderRef {
        self.provider.open(&intent()).await.unwrap()
    }

    pub async fn authorized(&self) -> ProviderRef {
        self.authorized_with("tok_visa").await
    }

    pub async fn authorized_with(&self, card: &str) -> ProviderRef {
        let reference = self.opened().await;
        let answer = self
            .provider
            .authorize(&reference, &token(card), "first")
            .await;
        assert_eq!(answer, Ok(payments::provider::Authorization::Authorized));
        reference
    }
}

pub fn journal_in(folder: &Path) -> PathBuf {
    folder.join("journal.ndjson")
}

pub fn stripe_at(base: &str, timeouts: Timeouts) -> Stripe {
    Stripe::new(&stripe_config(base, timeouts)).unwrap()
}

pub fn stripe_config(base: &str, timeouts: Timeouts) -> ProviderConfig {
    ProviderConfig {
        mode: PaymentsMode::StripeTest,
        stripe_secret_key: Some(Secret::from(KEY)),
        stripe_api_base: base.to_owned(),
        stripe_webhook_secret: Some(Secret::from(WEBHOOK_SECRET)),
        timeouts,
        ..ProviderConfig::sandbox("unused")
    }
}

/// A new payment of 20 dollars.
pub fn intent() -> Intent {
    Intent {
        payment_id: Uuid::new_v4(),
        attempt: 0,
        order_id: Uuid::new_v4(),
        amount_cents: 2_000,
        currency: "usd".to_owned(),
    }
}

pub fn token(text: &str) -> Token {
    Token::parse(text).unwrap()
}
