//! Counts and times calls to a provider.

use async_trait::async_trait;
use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};
use std::sync::Arc;
use tokio::time::Instant;

use super::{
    Authorization, Intent, IntentPage, IntentStatus, PaymentProvider, ProviderBooks, ProviderError,
    ProviderRef, Token, WebhookError, WebhookEvent,
};

/// A provider whose calls are counted and timed: rate, errors and duration of each kind.
pub struct Metered(Arc<dyn PaymentProvider>);

impl Metered {
    /// Wraps this provider.
    pub fn new(provider: Arc<dyn PaymentProvider>) -> Self {
        describe_counter!(
            "provider_calls_total",
            "Calls to the payment provider, by what came of them: ok, declined, refused, rejected or unreachable"
        );
        describe_histogram!(
            "provider_call_seconds",
            Unit::Seconds,
            "Time that a call to the payment provider took, retries included"
        );
        Self(provider)
    }

    async fn measure<T>(
        &self,
        call: &'static str,
        work: impl Future<Output = Result<T, ProviderError>>,
        declined: fn(&T) -> bool,
    ) -> Result<T, ProviderError> {
        let provider = self.0.name();
        let began = Instant::now();
        let answer = work.await;
        histogram!("provider_call_seconds", "provider" => provider, "call" => call)
            .record(began.elapsed());
        let result = match &answer {
            Ok(answer) if declined(answer) => "declined",
            Ok(_) => "ok",
            Err(ProviderError::Unreachable { .. }) => "unreachable",
            Err(ProviderError::Rejected { .. }) => "rejected",
            Err(_) => "refused",
        };
        counter!(
            "provider_calls_total",
            "provider" => provider, "call" => call, "result" => result
        )
        .increment(1);
        answer
    }
}

fn never<T>(_: &T) -> bool {
    false
}

#[async_trait]
impl ProviderBooks for Metered {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    async fn list(&self, cursor: Option<&str>) -> Result<IntentPage, ProviderError> {
        self.measure("list", self.0.list(cursor), never).await
    }
}

#[async_trait]
impl PaymentProvider for Metered {
    async fn open(&self, intent: &Intent) -> Result<ProviderRef, ProviderError> {
        self.measure("open", self.0.open(intent), never).await
    }

    async fn authorize(
        &self,
        reference: &ProviderRef,
        token: &Token,
        attempt_key: &str,
    ) -> Result<Authorization, ProviderError> {
        let work = self.0.authorize(reference, token, attempt_key);
        self.measure("authorize", work, |answer| {
            !matches!(answer, Authorization::Authorized)
        })
        .await
    }

    async fn capture(&self, reference: &ProviderRef) -> Result<(), ProviderError> {
        self.measure("capture", self.0.capture(reference), never)
            .await
    }

    async fn void(&self, reference: &ProviderRef) -> Result<(), ProviderError> {
        self.measure("void", self.0.void(reference), never).await
    }

    async fn status(&self, reference: &ProviderRef) -> Result<IntentStatus, ProviderError> {
        self.measure("status", self.0.status(reference), never)
            .await
    }

    fn webhook(
        &self,
        signature: Option<&str>,
        body: &[u8],
    ) -> Result<Option<WebhookEvent>, WebhookError> {
        self.0.webhook(signature, body)
    }
}
