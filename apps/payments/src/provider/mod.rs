//! The payment providers, which hold and capture the money.
//!
//! A payment has one *intent* at the provider, opened under the payment's own ID. Every card of a
//! buyer is tried on that one intent, and an intent can hold money once. So the provider itself
//! rules out a double charge, whatever is lost, repeated or raced on this side; nothing here
//! depends on a lock or on a memory of requests. Only when the provider has closed an intent, for
//! good, is another opened for the payment: under its ID and the number of the attempt, so that all
//! concurrent attempts open the same one.
//!
//! ```text
//! open ──▶ Open ──authorize──▶ Authorized ──capture──▶ Captured
//!           │                      │
//!           └────────void──────────┴──────────────────▶ Voided
//! ```
//!
//! Two implementations: [`Stripe`], and [`Sandbox`], which moves no money and accepts Stripe's test
//! tokens. [`from_config()`] creates the configured one; there is no default.

mod config;
mod error;
mod from_config;
mod metered;
mod sandbox;
mod stripe;
mod types;
mod webhook;

use async_trait::async_trait;

pub use config::{ProviderConfig, Secret, Timeouts};
pub use error::{ProviderError, SetupError};
pub use from_config::{books_from_config, from_config};
pub use metered::Metered;
pub use sandbox::{Sandbox, SandboxReader};
pub use stripe::Stripe;
#[cfg(fuzzing)]
#[doc(hidden)]
pub use stripe::fuzz;
pub use types::{
    Authorization, Intent, IntentPage, IntentStatus, ListedIntent, ProviderRef, Token,
};
pub use webhook::{SIGNATURE_HEADER, WebhookError, WebhookEvent, WebhookKind};

/// The message for a buyer whose bank requires a 3-D Secure challenge. The API has no place for
/// one: paying is one request, and its contract has only paid and declined.
const AUTHENTICATION_REQUIRED: &str =
    "Your card requires authentication, which is not supported here. Please try another card.";

/// The records of a provider, which a process may read that doesn't move money.
#[async_trait]
pub trait ProviderBooks: Send + Sync {
    /// A short lower-case name for logs and metrics.
    fn name(&self) -> &'static str;

    /// All intents of this application, in pages. `None` requests the first page, and
    /// [`IntentPage::next`] is the cursor of the one after. Intents that are opened in the meantime may
    /// be missed. A page may be empty and still have a next one.
    async fn list(&self, cursor: Option<&str>) -> Result<IntentPage, ProviderError>;
}

/// A company (or a stand-in for one) that holds money on a card and later captures or voids it.
///
/// Every method may be repeated after a lost answer, a crash or a timeout, by any process, and then
/// ends in the same state. Every method returns within [`Timeouts::total`].
#[async_trait]
pub trait PaymentProvider: ProviderBooks {
    /// Opens the intent of a payment's attempt, or finds the existing one. Moves no money.
    ///
    /// Idempotent on [`Intent::payment_id`] and [`Intent::attempt`]; the same with another amount,
    /// order or currency is [`ProviderError::Rejected`]. Stripe remembers the payment ID for 24
    /// hours, so the caller must record the reference in its log *before* it authorizes on it, and
    /// use the recorded one from then on: an intent that is opened and forgotten holds no money.
    async fn open(&self, intent: &Intent) -> Result<ProviderRef, ProviderError>;

    /// Holds the intent's amount on a card, without capturing it.
    ///
    /// `attempt_key` identifies the buyer's attempt: the same attempt with the same token has the
    /// same result. On an intent that already holds or captured the money the result is
    /// [`Authorization::Authorized`] whatever the token, and no second hold is made.
    ///
    /// [`ProviderError::Unreachable`] means *unknown*: the hold may still happen, and is found by
    /// [`status`](Self::status) or by repeating, or is released by [`void`](Self::void).
    async fn authorize(
        &self,
        reference: &ProviderRef,
        token: &Token,
        attempt_key: &str,
    ) -> Result<Authorization, ProviderError>;

    /// Captures the held money. Repeating it is `Ok` and captures nothing more.
    ///
    /// [`ProviderError::AlreadyVoided`] when the hold was voided, [`ProviderError::NothingHeld`]
    /// when no card was ever authorized.
    async fn capture(&self, reference: &ProviderRef) -> Result<(), ProviderError>;

    /// Voids the held money, and closes the intent so that no later authorization can hold any.
    /// Closes an intent that holds nothing, too. Repeating it is `Ok`.
    ///
    /// [`ProviderError::AlreadyCaptured`] when the money was captured. Voiding never silently
    /// becomes a refund: a refund is another movement of money, with another meaning in the
    /// provider's records, and is left to a person. The order is decided before anything is
    /// captured, so none is needed.
    async fn void(&self, reference: &ProviderRef) -> Result<(), ProviderError>;

    /// The current state of the intent, according to the provider.
    async fn status(&self, reference: &ProviderRef) -> Result<IntentStatus, ProviderError>;

    /// Verifies and parses an event of the provider; `signature` is the value of the
    /// [`SIGNATURE_HEADER`] header, `body` the bytes as received.
    ///
    /// The event is only a hint to check: it may come late, twice or out of order, so its reader
    /// requests the [`status`](Self::status) instead of trusting it. `Ok(None)` is an authentic
    /// event that concerns no payment of this application; acknowledge and ignore it.
    fn webhook(
        &self,
        signature: Option<&str>,
        body: &[u8],
    ) -> Result<Option<WebhookEvent>, WebhookError> {
        let _ = (signature, body);
        Err(WebhookError::NotConfigured)
    }
}
