//! Who holds and takes the money.
//!
//! A payment has one *intent* at the provider, opened under the payment's own id. Every card a buyer
//! tries is tried on that one intent, and an intent can hold money once. So a double charge is
//! impossible where the money is, whatever is lost, repeated or raced on this side; nothing here
//! rests on a lock or on a memory of what was sent. Only when the provider has closed an intent, for
//! good, is another opened for the payment: under its id and the number of the attempt, so that all
//! who open it at once open the same one.
//!
//! ```text
//! open ──▶ Open ──authorize──▶ Authorized ──capture──▶ Captured
//!           │                      │
//!           └────────void──────────┴──────────────────▶ Voided
//! ```
//!
//! Two implementations: [`Stripe`], and [`Sandbox`], which moves no money and knows Stripe's test
//! tokens. [`from_config`] builds the one that the configuration names; there is no default.

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
pub use from_config::{from_config, reader_from_config};
pub use metered::Metered;
pub use sandbox::{Sandbox, SandboxReader};
pub use stripe::Stripe;
#[cfg(fuzzing)]
#[doc(hidden)]
pub use stripe::fuzz;
pub use types::{Authorization, Intent, IntentStatus, ListedIntent, Page, ProviderRef, Token};
pub use webhook::{SIGNATURE_HEADER, WebhookError, WebhookEvent, WebhookKind};

/// What a buyer reads whose bank wants a 3-D Secure challenge. The API has no place for one: paying
/// is one request, and its contract knows only paid and declined.
const AUTHENTICATION_REQUIRED: &str =
    "Your card requires authentication, which is not supported here. Please try another card.";

/// A company (or a stand-in for one) that holds money on a card and later takes it or lets it go.
///
/// Every method may be repeated after a lost answer, a crash or a time-out, by any process, and
/// then ends in the same state. Every method answers within [`Timeouts::total`].
#[async_trait]
pub trait PaymentProvider: Send + Sync {
    /// A short lower-case name for logs and metrics.
    fn name(&self) -> &'static str;

    /// Opens the intent of a payment's attempt, or finds the one that was opened before. Moves no
    /// money.
    ///
    /// Idempotent on [`Intent::payment_id`] and [`Intent::attempt`]; the same with another amount,
    /// order or currency is [`ProviderError::Rejected`]. Stripe remembers the payment id for 24 hours, so
    /// the caller must record the reference in its log *before* it authorizes on it, and use the
    /// recorded one from then on: an intent opened and forgotten holds no money.
    async fn open(&self, intent: &Intent) -> Result<ProviderRef, ProviderError>;

    /// Holds the intent's amount on a card, without taking it.
    ///
    /// `attempt_key` names the buyer's attempt: repeating the same attempt with the same token
    /// gives the same answer. On an intent that already holds or took the money the answer is
    /// [`Authorization::Authorized`] whatever the token, and no second hold is made.
    ///
    /// [`ProviderError::Unreachable`] means *not known*: the hold may still come about, and is
    /// found by [`status`](Self::status), by repeating, or is let go by [`void`](Self::void).
    async fn authorize(
        &self,
        reference: &ProviderRef,
        token: &Token,
        attempt_key: &str,
    ) -> Result<Authorization, ProviderError>;

    /// Takes the money that is held. Repeating it is `Ok` and takes nothing more.
    ///
    /// [`ProviderError::AlreadyVoided`] when the hold was let go, [`ProviderError::NothingHeld`]
    /// when no card was ever authorized.
    async fn capture(&self, reference: &ProviderRef) -> Result<(), ProviderError>;

    /// Lets the held money go, and closes the intent so that no later authorization can hold any.
    /// An intent that holds nothing is closed too. Repeating it is `Ok`.
    ///
    /// [`ProviderError::AlreadyCaptured`] when the money was taken. Voiding never becomes a refund
    /// in silence: a refund is another movement of money, with another meaning in the books, and
    /// is left to a person. The order is decided before anything is captured, so it isn't needed.
    async fn void(&self, reference: &ProviderRef) -> Result<(), ProviderError>;

    /// Where the intent stands now, as the provider sees it.
    async fn status(&self, reference: &ProviderRef) -> Result<IntentStatus, ProviderError>;

    /// All intents of this application, a page at a time. `None` asks for the first page, and
    /// [`Page::next`] is the cursor of the one after. Intents opened while listing may be missed.
    /// A page may be empty and still have a next one.
    async fn list(&self, cursor: Option<&str>) -> Result<Page, ProviderError>;

    /// Checks and reads a message that the provider sent by itself; `signature` is the value of
    /// the [`SIGNATURE_HEADER`] header, `body` the bytes as they came.
    ///
    /// The message is only a hint to look: it may come late, twice or out of order, so its reader
    /// asks for the [`status`](Self::status) instead of believing it. `Ok(None)` is an authentic
    /// message that concerns no payment of this application; acknowledge and forget it.
    fn webhook(
        &self,
        signature: Option<&str>,
        body: &[u8],
    ) -> Result<Option<WebhookEvent>, WebhookError> {
        let _ = (signature, body);
        Err(WebhookError::NotConfigured)
    }
}
