//! Stripe, over HTTP: one PaymentIntent per payment, captured manually.
//!
//! Why each step is safe to repeat:
//! - *Opening*: the idempotency key is the payment's ID, with the attempt's number.
//! - *Authorizing*: the PaymentIntent is a state machine with a lock; it can be confirmed into
//!   `requires_capture` once, whatever the keys. The idempotency key (of intent, token and attempt)
//!   only makes a repeated attempt return its own result again.
//! - *Capturing, voiding*: the state machine alone. The idempotency key is new for every call, for
//!   its retries only: under a lasting one Stripe would repeat a refusal ("not authorized yet") for
//!   a day after it stopped being true.
//!
//! A replayed answer may be outdated, and a request without an answer may have taken effect; in
//! both cases the intent is read again before a result is returned.

mod client;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod keys;
mod redact;
mod signature;
mod wire;

use async_trait::async_trait;
use httpkit::config::PaymentsMode;
use secrecy::ExposeSecret;
use uuid::Uuid;

use self::client::{COME_BACK, Form, StripeClient, StripeResponse};
use self::keys::{check_base, check_key};
use self::wire::{APPLICATION, ApiError, List, Meaning, PaymentIntent, Status};
use super::{
    AUTHENTICATION_REQUIRED, Authorization, Intent, IntentPage, IntentStatus, PaymentProvider,
    ProviderBooks, ProviderConfig, ProviderError, ProviderRef, Secret, SetupError, Token,
    WebhookError, WebhookEvent,
};

/// The message for a buyer when Stripe supplies none.
const DECLINED: &str = "Your card was declined.";
/// Number of intents per page, Stripe's maximum.
const PAGE_SIZE: &str = "100";

/// A Stripe account.
pub struct Stripe {
    client: StripeClient,
    /// Whether real money moves.
    live: bool,
    webhook_secret: Option<Secret>,
}

impl Stripe {
    /// Checks the configuration. Sends no request to Stripe yet.
    pub fn new(config: &ProviderConfig) -> Result<Self, SetupError> {
        let key = config.stripe_secret_key.clone().unwrap_or_default();
        let live = config.mode == PaymentsMode::Stripe;
        check_key(key.expose_secret(), live)?;
        let base = check_base(&config.stripe_api_base, key.expose_secret())?;
        Ok(Self {
            client: StripeClient::new(base, key, config.timeouts)?,
            live,
            webhook_secret: config.stripe_webhook_secret.clone(),
        })
    }

    /// The current intent.
    async fn look(
        &self,
        reference: &ProviderRef,
        deadline: std::time::Instant,
    ) -> Result<PaymentIntent, ProviderError> {
        let path = ["payment_intents", reference.as_str()];
        let answer = self.client.get(&path, &[], is(reference), deadline).await?;
        let intent = answer.result.map_err(ApiError::into_provider_error)?;
        self.of_this_mode(&intent)?;
        Ok(intent)
    }

    /// Checks the intent's mode: a key has access to one mode only, so an intent of the other is no
    /// answer of Stripe to this key, and is not trusted.
    fn of_this_mode(&self, intent: &PaymentIntent) -> Result<(), ProviderError> {
        if intent.livemode == self.live {
            return Ok(());
        }
        let named = |live| if live { "live" } else { "test" };
        Err(ProviderError::Rejected {
            message: format!(
                "{} is an intent of {} mode, and the key is of {} mode",
                intent.id,
                named(intent.livemode),
                named(self.live)
            ),
        })
    }

    /// The result of an attempt according to the intent's current state, where its own answer is
    /// missing, outdated or an error. `said` is that answer; it counts while the intent is open.
    async fn authorization_by_state(
        &self,
        reference: &ProviderRef,
        said: Result<Authorization, ProviderError>,
    ) -> Result<Authorization, ProviderError> {
        match self.look(reference, self.client.last_look()).await {
            Ok(intent) => match (intent.status.into(), said) {
                (IntentStatus::Authorized | IntentStatus::Captured, _) => {
                    Ok(Authorization::Authorized)
                }
                (IntentStatus::Voided, _) => Ok(Authorization::Voided),
                (IntentStatus::Open, Ok(Authorization::Authorized | Authorization::Voided)) => {
                    Err(undecided())
                }
                (IntentStatus::Open, said) => said,
            },
            // The first error is the one that states the problem, or when to retry.
            Err(error) => Err(said.err().unwrap_or(error)),
        }
    }

    /// Captures or cancels, and returns the intent's state after that.
    async fn settle(
        &self,
        reference: &ProviderRef,
        verb: &'static str,
    ) -> Result<IntentStatus, ProviderError> {
        let path = ["payment_intents", reference.as_str(), verb];
        let key = format!("{verb}-{}", Uuid::new_v4());
        let deadline = self.client.deadline();
        let posted = self
            .client
            .post(&path, &Form::new(), &key, is(reference), deadline)
            .await;
        let otherwise = match posted {
            Ok(StripeResponse {
                result: Ok(intent), ..
            }) => {
                self.of_this_mode(&intent)?;
                return Ok(intent.status.into());
            }
            Ok(StripeResponse {
                result: Err(error), ..
            }) => match error.meaning() {
                Meaning::UnexpectedState => None,
                _ => return Err(error.into_provider_error()),
            },
            Err(unreachable) => Some(unreachable),
        };
        let status = self
            .look(reference, self.client.last_look())
            .await?
            .status
            .into();
        match (status, otherwise) {
            // Without an answer, only a final state proves that it took effect.
            (IntentStatus::Open | IntentStatus::Authorized, Some(unreachable)) => Err(unreachable),
            _ => Ok(status),
        }
    }
}

#[async_trait]
impl ProviderBooks for Stripe {
    fn name(&self) -> &'static str {
        "stripe"
    }

    async fn list(&self, cursor: Option<&str>) -> Result<IntentPage, ProviderError> {
        // Refunds and disputes belong to the charge, not to the intent.
        let mut query = vec![("limit", PAGE_SIZE), ("expand[]", "data.latest_charge")];
        query.extend(cursor.map(|last| ("starting_after", last)));
        let deadline = self.client.deadline();
        let answer: StripeResponse<List> = self
            .client
            .get(&["payment_intents"], &query, |_| true, deadline)
            .await?;
        let listed = answer.result.map_err(ApiError::into_provider_error)?;
        for intent in &listed.data {
            self.of_this_mode(intent)?;
        }
        let last = listed.data.last().filter(|_| listed.has_more);
        Ok(IntentPage {
            next: last.map(|intent| intent.id.clone()),
            intents: listed
                .data
                .iter()
                .filter_map(PaymentIntent::listed)
                .collect(),
        })
    }
}

#[async_trait]
impl PaymentProvider for Stripe {
    async fn open(&self, intent: &Intent) -> Result<ProviderRef, ProviderError> {
        let form: Form = vec![
            ("amount", intent.amount_cents.to_string()),
            ("currency", intent.currency.clone()),
            ("capture_method", "manual".to_owned()),
            ("payment_method_types[]", "card".to_owned()),
            ("metadata[application]", APPLICATION.to_owned()),
            ("metadata[payment_id]", intent.payment_id.to_string()),
            ("metadata[order_id]", intent.order_id.to_string()),
        ];
        // The first attempt's key is as it was before there were others.
        let key = match intent.attempt {
            0 => intent.payment_id.to_string(),
            attempt => format!("{}-{attempt}", intent.payment_id),
        };
        let deadline = self.client.deadline();
        let ours = |opened: &PaymentIntent| opened.payment_id() == Some(intent.payment_id);
        let answer = self
            .client
            .post(&["payment_intents"], &form, &key, ours, deadline)
            .await?;
        match answer.result {
            Ok(opened) => {
                self.of_this_mode(&opened)?;
                Ok(ProviderRef::new(opened.id))
            }
            Err(error) => Err(error.into_provider_error()),
        }
    }

    async fn authorize(
        &self,
        reference: &ProviderRef,
        token: &Token,
        attempt_key: &str,
    ) -> Result<Authorization, ProviderError> {
        let path = ["payment_intents", reference.as_str(), "confirm"];
        let key = authorization_key(reference, token, attempt_key);
        let deadline = self.client.deadline();
        let form = confirmation(token);
        let posted = self
            .client
            .post(&path, &form, &key, is(reference), deadline)
            .await;
        let (current, said) = match posted {
            Ok(StripeResponse { replayed, result }) => {
                if let Ok(intent) = &result {
                    self.of_this_mode(intent)?;
                }
                (!replayed, authorization(result))
            }
            Err(unreachable) => (false, Err(unreachable)),
        };
        if current && said.is_ok() {
            return said;
        }
        self.authorization_by_state(reference, said).await
    }

    async fn capture(&self, reference: &ProviderRef) -> Result<(), ProviderError> {
        match self.settle(reference, "capture").await? {
            IntentStatus::Captured => Ok(()),
            IntentStatus::Voided => Err(ProviderError::AlreadyVoided),
            IntentStatus::Open => Err(ProviderError::NothingHeld),
            IntentStatus::Authorized => Err(undecided()),
        }
    }

    async fn void(&self, reference: &ProviderRef) -> Result<(), ProviderError> {
        match self.settle(reference, "cancel").await? {
            IntentStatus::Voided => Ok(()),
            IntentStatus::Captured => Err(ProviderError::AlreadyCaptured),
            IntentStatus::Open | IntentStatus::Authorized => Err(undecided()),
        }
    }

    async fn status(&self, reference: &ProviderRef) -> Result<IntentStatus, ProviderError> {
        let intent = self.look(reference, self.client.deadline()).await?;
        Ok(intent.status.into())
    }

    fn webhook(
        &self,
        signature: Option<&str>,
        body: &[u8],
    ) -> Result<Option<WebhookEvent>, WebhookError> {
        let secret = self
            .webhook_secret
            .as_ref()
            .ok_or(WebhookError::NotConfigured)?;
        let now = chrono::Utc::now().timestamp();
        signature::read(
            secret.expose_secret().as_bytes(),
            self.live,
            signature,
            body,
            now,
        )
    }
}

/// Classifies Stripe's answer to a confirmation.
fn authorization(result: Result<PaymentIntent, ApiError>) -> Result<Authorization, ProviderError> {
    match result {
        Ok(intent) => match intent.status {
            Status::RequiresCapture | Status::Succeeded => Ok(Authorization::Authorized),
            Status::Canceled => Ok(Authorization::Voided),
            Status::RequiresAction => Ok(declined(AUTHENTICATION_REQUIRED)),
            Status::RequiresPaymentMethod | Status::RequiresConfirmation => Ok(declined(DECLINED)),
            Status::Processing | Status::Unknown => Err(undecided()),
        },
        Err(error) => match error.meaning() {
            Meaning::Declined(reason) => Ok(declined(reason.as_deref().unwrap_or(DECLINED))),
            Meaning::AuthenticationRequired => Ok(declined(AUTHENTICATION_REQUIRED)),
            Meaning::UnexpectedState => Err(undecided()),
            // For a token that was used up by an attempt whose answer was lost, for example.
            Meaning::BadToken | Meaning::BadAmount | Meaning::Other => {
                Err(error.into_provider_error())
            }
        },
    }
}

/// Whether an intent has this reference.
fn is(reference: &ProviderRef) -> impl Fn(&PaymentIntent) -> bool + Sync {
    |intent| intent.id == reference.as_str()
}

fn confirmation(token: &Token) -> Form {
    // Fails the attempt when the bank requires 3-D Secure, instead of leaving it half done.
    let mut form: Form = vec![("error_on_requires_action", "true".to_owned())];
    if token.is_payment_method() {
        form.push(("payment_method", token.as_str().to_owned()));
    } else {
        form.push(("payment_method_data[type]", "card".to_owned()));
        form.push((
            "payment_method_data[card][token]",
            token.as_str().to_owned(),
        ));
    }
    form
}

/// One key per attempt, token and intent. The token is part of it, because the same key with other
/// parameters is an error at Stripe; hashed, because Stripe shows keys in its logs.
fn authorization_key(reference: &ProviderRef, token: &Token, attempt_key: &str) -> String {
    let attempt = format!("{reference} {} {attempt_key}", token.as_str());
    format!(
        "authorize-{}",
        Uuid::new_v5(&Uuid::NAMESPACE_OID, attempt.as_bytes())
    )
}

fn declined(reason: &str) -> Authorization {
    Authorization::Declined {
        reason: reason.to_owned(),
    }
}

fn undecided() -> ProviderError {
    ProviderError::Unreachable {
        reason: "the payment is still being processed".to_owned(),
        retry_after: COME_BACK,
    }
}
