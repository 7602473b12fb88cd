//! Runs a command at most once per `Idempotency-Key`, and repeats its first response.

use actix_web::{
    HttpRequest, HttpResponse,
    body::to_bytes,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, HeaderValue, LOCATION},
    },
};
use eventstore::{Claim, ClaimToken, Log, RestsOn, StoreError, StoredAnswer};
use httpkit::{
    HandlerResult, RawBody,
    error::{conflict, internal, unavailable, unprocessable},
    idempotency::{Fingerprint, IDEMPOTENCY_REPLAYED, IdempotencyKey},
};
use std::time::Duration;
use tokio::{
    runtime::Handle,
    time::{Instant, sleep},
};
use uuid::Uuid;

use crate::Runtime;

/// How long a repetition waits for the response to the first request.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// Time limit for releasing a claim. Afterwards the claim has expired anyway.
const RELEASE_WITHIN: Duration = Duration::from_secs(15);
/// Interval of the attempts.
const RELEASE_EVERY: Duration = Duration::from_millis(250);

impl Runtime {
    /// Runs a request's command at most once for its `Idempotency-Key`.
    ///
    /// Without the header it just runs, with a random id. With it, a repetition gets the stored answer
    /// and `Idempotency-Replayed: true`; while the first request is in progress it waits, and gets 409
    /// if that takes too long; another request under the same key gets 422. Only final answers are
    /// stored: not those that mean "try again" (5xx, 408, 409, 413, 429) or "sign in" (401).
    ///
    /// A claim that is neither answered nor released (its process died) lapses within the time that a
    /// repetition waits. If its owner is alive after all, two processes work on one command: its id keeps
    /// it from taking effect twice, and both give the first answer that was stored.
    ///
    /// # Errors
    /// What the command answers, or what is wrong with the key.
    pub async fn run_idempotent<F, Fut>(
        &self,
        req: &HttpRequest,
        user: Uuid,
        body: &RawBody,
        command: F,
    ) -> HandlerResult
    where
        F: FnOnce(Uuid) -> Fut,
        Fut: Future<Output = HandlerResult>,
    {
        let Some(key) = IdempotencyKey::of(req, user)? else {
            return command(Uuid::now_v7()).await;
        };
        let fingerprint = Fingerprint::of(req.method(), req.path(), body);
        let token = match claim(&self.log, key.id(), &fingerprint.to_string()).await? {
            Claim::Fresh(token) => token,
            Claim::Answered(answer) => return replay(answer),
            Claim::Mismatch => {
                return Err(unprocessable(
                    "This Idempotency-Key was used with another request",
                ));
            }
            Claim::InProgress => {
                return Err(conflict(
                    "The first request with this Idempotency-Key is still at work",
                ));
            }
        };
        let held = HeldClaim {
            log: self.log.clone(),
            token: Some(token),
        };
        match command(key.command_id(fingerprint)).await {
            Ok(answer) => held.store(answer).await,
            // As an error, so that the log can report what it was.
            Err(error) if is_final(error.status()) => {
                held.store(HttpResponse::from_error(error)).await
            }
            Err(error) => Err(error), // dropping the claim releases it
        }
    }
}

async fn claim(log: &Log, key: Uuid, fingerprint: &str) -> HandlerResult<Claim> {
    let deadline = Instant::now() + LONGEST_WAIT;
    let mut pause = FIRST_PAUSE;
    loop {
        let claim = log
            .idempotency()
            .claim(key, fingerprint)
            .await
            .map_err(|error| unavailable("The service", 1).with_source(error))?;
        if !matches!(claim, Claim::InProgress) || Instant::now() + pause > deadline {
            return Ok(claim);
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn is_final(status: StatusCode) -> bool {
    !status.is_server_error()
        && !matches!(
            status,
            StatusCode::UNAUTHORIZED
                | StatusCode::REQUEST_TIMEOUT
                | StatusCode::CONFLICT
                | StatusCode::PAYLOAD_TOO_LARGE
                | StatusCode::TOO_MANY_REQUESTS
        )
}

fn replay(stored: StoredAnswer) -> HandlerResult {
    let status = StatusCode::from_u16(stored.status).map_err(internal)?;
    let mut answer = HttpResponse::build(status);
    for header in stored.headers {
        answer.insert_header(header);
    }
    answer.insert_header((IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true")));
    Ok(answer.body(stored.body))
}

/// A claim that is released when it is dropped, even after a disconnect or a timeout: the next try
/// needn't wait until the claim expires.
struct HeldClaim {
    log: Log,
    token: Option<ClaimToken>,
}

impl HeldClaim {
    /// Stores a final response, and returns it.
    async fn store(mut self, answer: HttpResponse) -> HandlerResult {
        if !is_final(answer.status()) {
            return Ok(answer);
        }
        let (head, body) = answer.into_parts();
        let body = to_bytes(body)
            .await
            .map_err(|_| internal("the answer's body can't be read"))?;
        // No other header is stored, and above all no cookie.
        let headers = [CONTENT_TYPE, LOCATION]
            .iter()
            .filter_map(|name| {
                let value = head.headers().get(name)?.to_str().ok()?;
                Some((name.to_string(), value.to_owned()))
            })
            .collect();
        let stored = StoredAnswer {
            status: head.status().as_u16(),
            headers,
            body: String::from_utf8(body.to_vec()).map_err(internal)?,
            rests_on: head.extensions().get::<RestsOn>().cloned(),
        };
        if let Some(token) = self.token.clone() {
            match finish(&self.log, &token, stored).await {
                Ok(None) => self.token = None,
                Ok(Some(first)) => {
                    self.token = None;
                    return replay(first);
                }
                // The command has taken effect: its response is returned even if it can't be
                // stored. The next try runs it again under the same command ID, which has the same
                // effect.
                Err(error) if head.status().is_success() => {
                    tracing::debug!(%error, "an answer was not stored");
                }
                // A refusal leaves no effect that could be found, and the next try might be
                // accepted: so it is returned only once it is stored.
                Err(error) => return Err(unavailable("The service", 1).with_source(error)),
            }
        }
        Ok(head.set_body(body).map_into_boxed_body())
    }
}

/// Stores a response. Returns the valid response if another process, which took over an expired
/// claim, stored it.
async fn finish(
    log: &Log,
    token: &ClaimToken,
    answer: StoredAnswer,
) -> Result<Option<StoredAnswer>, StoreError> {
    if log.idempotency().answer(token, answer).await? {
        return Ok(None);
    }
    match log
        .idempotency()
        .claim(token.key, &token.fingerprint)
        .await?
    {
        Claim::Answered(first) => Ok(Some(first)),
        Claim::Fresh(_) | Claim::InProgress | Claim::Mismatch => Ok(None),
    }
}

impl Drop for HeldClaim {
    fn drop(&mut self) {
        let Some(token) = self.token.take() else {
            return;
        };
        // A runtime that shuts down drops its requests one by one, and may be gone by then.
        let Ok(runtime) = Handle::try_current() else {
            tracing::debug!("no runtime to release a claim on a key: it lapses by itself");
            return;
        };
        let log = self.log.clone();
        runtime.spawn(async move {
            if let Err(error) = release(&log, &token).await {
                tracing::debug!(%error, "a claim on a key was not released");
            }
        });
    }
}

/// Most claims are released because the log was unavailable. Unless the release is stored once the
/// log is back, every repetition waits until the claim expires.
async fn release(log: &Log, token: &ClaimToken) -> Result<(), StoreError> {
    let deadline = Instant::now() + RELEASE_WITHIN;
    loop {
        match log.idempotency().release(token).await {
            Err(error) if error.is_transient() && Instant::now() < deadline => {
                sleep(RELEASE_EVERY).await;
            }
            released => return released.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eventstore::LogConfig;

    #[test]
    fn a_claim_dropped_outside_of_a_runtime_expires() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let nowhere = LogConfig {
            url: "nats://127.0.0.1:9".to_owned(),
            ..event_streams::config()
        };
        let log = runtime.block_on(Log::connect(nowhere)).unwrap();
        let token = ClaimToken {
            key: Uuid::from_u128(7),
            fingerprint: String::new(),
            sequence: 1,
        };
        drop(HeldClaim {
            log,
            token: Some(token),
        });
    }

    #[test]
    fn responses_that_ask_for_a_retry_or_sign_in_are_not_stored() {
        for status in [401, 408, 409, 413, 429, 500, 503] {
            assert!(!is_final(StatusCode::from_u16(status).unwrap()), "{status}");
        }
        for status in [200, 201, 204, 400, 402, 404, 422] {
            assert!(is_final(StatusCode::from_u16(status).unwrap()), "{status}");
        }
    }
}
