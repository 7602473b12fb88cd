//! One request to Stripe: timeouts, retries with the same idempotency key, and the outcome.

use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, StatusCode, Url};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;

use super::keys::is_loopback;
use super::redact::redact;
use super::wire::{ApiError, Envelope};
use crate::provider::{ProviderError, Secret, SetupError, Timeouts};
use httpkit::tls;

/// The version of Stripe's API that this code was written against.
const API_VERSION: &str = "2024-06-20";
/// Limit for tries of a request.
const TRIES: u32 = 5;
/// The pause before the first retry; doubled each time, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(150);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// A try that would have less time than this isn't begun.
const SHORTEST_TRY: Duration = Duration::from_millis(50);
/// When to retry, if Stripe doesn't state it.
pub(super) const COME_BACK: Duration = Duration::from_secs(2);

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

pub(super) type Form = Vec<(&'static str, String)>;

/// Sends requests to one Stripe account.
pub(super) struct StripeClient {
    http: reqwest::Client,
    base: Url,
    key: Secret,
    timeouts: Timeouts,
}

/// Stripe's answer: the object, or the error.
pub(super) struct StripeResponse<T> {
    /// Whether this is the stored answer to an earlier request with the same idempotency key, and
    /// so may be outdated.
    pub replayed: bool,
    pub result: Result<T, ApiError>,
}

/// A request, which may be sent several times.
struct Call<'a> {
    method: Method,
    url: Url,
    /// The form to post, and its idempotency key.
    posted: Option<(&'a Form, &'a str)>,
}

/// The outcome of one try.
enum Tried<T> {
    Answered(StripeResponse<T>),
    Failed(Failure),
}

struct Failure {
    reason: String,
    /// Stripe's time for a retry.
    retry_after: Option<Duration>,
    /// Whether another try may help.
    again: bool,
    /// Whether Stripe stored this failure under the idempotency key, so that only another key
    /// helps.
    stored: bool,
}

impl Failure {
    /// A transient failure.
    fn passing(reason: String) -> Self {
        Self {
            reason,
            retry_after: None,
            again: true,
            stored: false,
        }
    }
}

impl StripeClient {
    pub(super) fn new(base: Url, key: Secret, timeouts: Timeouts) -> Result<Self, SetupError> {
        let tls = tls::client_config().map_err(|error| SetupError::Client(error.into()))?;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("turnstile/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(timeouts.connect)
            // A redirect would send the secret key to its target.
            .redirect(reqwest::redirect::Policy::none())
            // Retries are counted and paced here.
            .retry(reqwest::retry::never());
        if base.host_str().is_some_and(is_loopback) {
            builder = builder.no_proxy();
        }
        let http = builder.build();
        let http = http.map_err(|error| SetupError::Client(error.into()))?;
        Ok(Self {
            http,
            base,
            key,
            timeouts,
        })
    }

    /// The deadline for the main request of a method that begins now, so that
    /// [`last_look`](Self::last_look) still fits into [`Timeouts::total`].
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.timeouts.total / 5 * 4
    }

    /// The deadline for reading the state after a main request that failed at its deadline.
    pub(super) fn last_look(&self) -> Instant {
        Instant::now() + self.timeouts.total / 5
    }

    /// Reads an object. `expected` checks whether it is the requested one; another one, which a
    /// confused proxy may send, counts as no answer.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        expected: impl Fn(&T) -> bool + Sync,
        deadline: Instant,
    ) -> Result<StripeResponse<T>, ProviderError> {
        let mut url = self.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.send(
            &Call {
                method: Method::GET,
                url,
                posted: None,
            },
            expected,
            deadline,
        )
        .await
    }

    /// Changes or creates an object, once however often it is sent under the same key. `expected`
    /// as for [`get`](Self::get).
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        form: &Form,
        idempotency_key: &str,
        expected: impl Fn(&T) -> bool + Sync,
        deadline: Instant,
    ) -> Result<StripeResponse<T>, ProviderError> {
        let posted = Some((form, idempotency_key));
        let call = Call {
            method: Method::POST,
            url: self.url(path),
            posted,
        };
        self.send(&call, expected, deadline).await
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        // Encodes each segment, so a reference can't reach another route. The parser has checked
        // that the base has a path.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path);
        }
        url
    }

    async fn send<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        expected: impl Fn(&T) -> bool + Sync,
        deadline: Instant,
    ) -> Result<StripeResponse<T>, ProviderError> {
        let mut pause = FIRST_PAUSE;
        let mut stored_failures = 0;
        let mut tries = 0;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            tries += 1;
            let failure = match self.try_once(call, stored_failures, left).await {
                Tried::Answered(StripeResponse {
                    result: Ok(object), ..
                }) if !expected(&object) => {
                    Failure::passing("the answer is about another payment".to_owned())
                }
                Tried::Answered(answer) => return Ok(answer),
                Tried::Failed(failure) => failure,
            };
            // Stripe stores a failure under the key and would repeat it for a day. Every process
            // that gets the stored failure moves on to the same next key, so they still agree on
            // one request; and the effect of the failed one is found in the intent's state.
            stored_failures += u32::from(failure.stored);
            let jittered = pause.mul_f64(rand::random_range(0.5..1.0));
            let pause_now = failure.retry_after.unwrap_or_default().max(jittered);
            let left = deadline.saturating_duration_since(Instant::now());
            if !failure.again || tries >= TRIES || pause_now + SHORTEST_TRY > left {
                tracing::warn!(tries, reason = %failure.reason, "Stripe can't be reached");
                return Err(ProviderError::Unreachable {
                    reason: failure.reason,
                    retry_after: failure.retry_after.unwrap_or(COME_BACK),
                });
            }
            tracing::debug!(tries, reason = %failure.reason, "asking Stripe again");
            tokio::time::sleep(pause_now).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn try_once<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        stored_failures: u32,
        left: Duration,
    ) -> Tried<T> {
        let mut request = self
            .http
            .request(call.method.clone(), call.url.clone())
            .bearer_auth(self.key.expose_secret())
            .header("Stripe-Version", API_VERSION)
            .timeout(self.timeouts.per_try.min(left));
        let mut sent_key = None;
        if let Some((form, key)) = call.posted {
            let key = match stored_failures {
                0 => key.to_owned(),
                n => format!("{key}~{n}"),
            };
            request = request.header(IDEMPOTENCY_KEY, &key).form(form);
            sent_key = Some(key);
        }
        let received = async {
            let response = request.send().await?;
            let (status, headers) = (response.status(), response.headers().clone());
            Ok::<_, reqwest::Error>((status, headers, response.bytes().await?))
        };
        match received.await {
            // Stripe repeats the key, so even a refusal shows its request.
            Ok((_, headers, _))
                if headers.get(IDEMPOTENCY_KEY).is_some_and(|key| {
                    sent_key.as_ref().is_some_and(|sent_key| key != sent_key)
                }) =>
            {
                Tried::Failed(Failure::passing(
                    "the answer is to another request".to_owned(),
                ))
            }
            Ok((status, headers, body)) => read(status, &headers, &body),
            Err(error) => Tried::Failed(Failure::passing(describe(error))),
        }
    }
}

/// Classifies an HTTP response, independent of the request.
fn read<T: DeserializeOwned>(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Tried<T> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let replayed = header("Idempotent-Replayed") == Some("true");
    if status.is_success() {
        return match serde_json::from_slice(body) {
            Ok(object) => Tried::Answered(StripeResponse {
                replayed,
                result: Ok(object),
            }),
            // A captive portal or a proxy answers like this, with 200.
            Err(error) => Tried::Failed(Failure::passing(format!("unreadable answer: {error}"))),
        };
    }
    let error = serde_json::from_slice::<Envelope>(body).map_or_else(
        |_| ApiError {
            kind: "unknown_error".to_owned(),
            message: Some(format!("status {status} without an explanation")),
            ..ApiError::default()
        },
        |envelope| ApiError {
            message: envelope.error.message.map(|message| redact(&message)),
            ..envelope.error
        },
    );
    let stored = replayed && status.is_server_error();
    // 409: the same key is in use right now. 429: too many requests, or the intent is locked.
    let transient = status.is_server_error()
        || matches!(status, StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS);
    let again = stored
        || match header("Stripe-Should-Retry") {
            Some("true") => true,
            Some("false") => false,
            _ => transient,
        };
    if !transient && !again {
        return Tried::Answered(StripeResponse {
            replayed,
            result: Err(error),
        });
    }
    Tried::Failed(Failure {
        reason: format!("{status}: {}", error.message.unwrap_or(error.kind)),
        retry_after: headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs),
        again,
        stored,
    })
}

/// The whole chain of causes, without the address, which may contain credentials.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    redact(&text)
}
