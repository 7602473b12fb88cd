//! `Idempotency-Key`: the same user with the same key gets the first answer again.
//!
//! Two things work together. The key, the user and the request itself make the *command id*, which
//! the log records with the events, so a command takes effect once whatever happens. An
//! [`AnswerStore`] keeps the *answer*, so that it comes again word for word, from every process.
//!
//! The request is part of the command id because answers are forgotten in the end and commands are
//! not: ids are derived from a command's id, and a key that comes back after its answer is gone,
//! with another request, would otherwise give a second thing the id of the first.

mod fingerprint;

pub use fingerprint::Fingerprint;

use std::{future::Future, sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    body::to_bytes,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION},
    },
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::{
    runtime::Handle,
    time::{Instant, sleep},
};
use uuid::Uuid;

use crate::{
    Answer, RawBody,
    error::{Source, bad_request, conflict, internal, unavailable, unprocessable},
};

/// The header that carries the key.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header of an answer that was given before.
pub const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

const LONGEST_KEY: usize = 255;
/// Namespace of command ids (`UUIDv5`). Changing it would let every request be repeated once.
const NAMESPACE: Uuid = Uuid::from_u128(0x3c0b_61a4_87f2_4a0d_8f7e_20d9_5b1c_e6d4);
/// How long a repetition waits for the first one's answer.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// A user's key: what names an answer, and with its request a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    id: Uuid,
}

impl IdempotencyKey {
    /// The key of a request: `None` without the header, 400 if it isn't 1 to 255 visible ASCII
    /// characters.
    pub fn of(req: &HttpRequest, user: Uuid) -> Answer<Option<Self>> {
        let mut sent = req.headers().get_all(IDEMPOTENCY_KEY);
        let Some(value) = sent.next() else {
            return Ok(None);
        };
        let good = (1..=LONGEST_KEY).contains(&value.len())
            && value.as_bytes().iter().all(u8::is_ascii_graphic)
            && sent.next().is_none();
        if !good {
            return Err(bad_request(format!(
                "Idempotency-Key must be 1 to {LONGEST_KEY} visible ASCII characters"
            )));
        }
        let name = [user.as_bytes(), value.as_bytes()].concat();
        Ok(Some(Self {
            id: Uuid::new_v5(&NAMESPACE, &name),
        }))
    }

    /// The key under which the answer is kept.
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// The id of the command that a request under this key is.
    pub fn command_id(&self, fingerprint: Fingerprint) -> Uuid {
        Uuid::new_v5(&self.id, &fingerprint.0)
    }
}

/// What a key looks like, as a regular expression.
pub(crate) fn key_pattern() -> String {
    format!("^[!-~]{{1,{LONGEST_KEY}}}$")
}

/// 400 if the key of a request is malformed. For commands that nothing could happen twice of
/// (signing in and out): a key is welcome there and has nothing to do.
pub fn check(req: &HttpRequest) -> Answer<()> {
    IdempotencyKey::of(req, Uuid::nil()).map(|_| ())
}

/// The id of a request's command: derived from user and key if there is a key, else random. For
/// commands whose answer must not be kept, because a secret is in it or in the body (sign-up):
/// there what the command is about, an address, is the user, and no id is derived from the command.
pub fn command_id(req: &HttpRequest, user: Uuid) -> Answer<Uuid> {
    let key = IdempotencyKey::of(req, user)?;
    Ok(key.map_or_else(Uuid::now_v7, |key| key.id))
}

/// The commit that an answer tells of. A command puts it into the extensions of its response, so
/// that the answer is given again only while the commit stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestsOn {
    /// The stream that it is in.
    pub stream: String,
    /// Where it is there.
    pub sequence: u64,
    /// Its identity.
    pub commit_id: Uuid,
}

/// An answer as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// Its status.
    pub status: u16,
    /// `Content-Type` and `Location`, if it had them. No other header is kept: no cookie above all.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Bytes,
    /// The commit that it tells of, if it tells of one.
    pub rests_on: Option<RestsOn>,
}

/// The right to answer a key first; whatever the store needs to know it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimToken {
    /// The key.
    pub key: Uuid,
    /// The request that the key was claimed for.
    pub fingerprint: Fingerprint,
    /// What the store says.
    pub revision: u64,
}

/// What the store knows of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nothing; it is the caller's now.
    Fresh(ClaimToken),
    /// Another one is at work on it.
    InProgress,
    /// It was answered so.
    Answered(KeptAnswer),
    /// It came with another request.
    Mismatch,
}

/// Keeps the answers of keys.
///
/// A claim that is neither finished nor released (its process died) must run out soon, within the
/// time that a repetition waits, and be [`Claim::Fresh`] for the next one. If its owner lives after
/// all, two work on one command: its id keeps it from taking effect twice, and the first answer
/// that is finished is given by both.
///
/// An answer that [rests on](RestsOn) a commit which is gone is forgotten, and its key is
/// [`Claim::Fresh`] again.
pub trait AnswerStore: Send + Sync + 'static {
    /// Claims a key for a request, atomically: of many at once, one gets `Fresh`.
    fn claim(&self, key: Uuid, fingerprint: Fingerprint) -> BoxFuture<'_, Result<Claim, Source>>;

    /// Keeps the answer. A claim that has run out meanwhile is no error.
    /// Gives the answer that counts if it is another's, who took over a claim that had run out.
    fn finish(
        &self,
        token: ClaimToken,
        answer: KeptAnswer,
    ) -> BoxFuture<'_, Result<Option<KeptAnswer>, Source>>;

    /// Gives the claim back: the answer wasn't final.
    fn release(&self, token: ClaimToken) -> BoxFuture<'_, Result<(), Source>>;
}

/// Runs a command with the id that its request has, at most once for each key.
///
/// Without the header it just runs, with a random id. With it: a repetition gets the kept answer
/// and `Idempotency-Replayed: true`; while the first is at work it waits, and is answered 409 if
/// that takes too long; another request under the same key is 422. Only final answers are kept:
/// not those that say "try again" (5xx, 408, 409, 413, 429) or "sign in" (401).
pub async fn with_idempotency<F, Fut>(
    store: &Arc<dyn AnswerStore>,
    user: Uuid,
    req: &HttpRequest,
    body: &RawBody,
    command: F,
) -> Answer
where
    F: FnOnce(Uuid) -> Fut,
    Fut: Future<Output = Answer>,
{
    let Some(key) = IdempotencyKey::of(req, user)? else {
        return command(Uuid::now_v7()).await;
    };
    let fingerprint = Fingerprint::of(req.method(), req.path(), body);
    let token = match claim(store, &key, fingerprint).await? {
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
    let held = Held {
        store: Arc::clone(store),
        token: Some(token),
    };
    match command(key.command_id(fingerprint)).await {
        Ok(answer) => held.keep(answer).await,
        // As an error, so that the log can tell what it was.
        Err(error) if is_final(error.status()) => held.keep(HttpResponse::from_error(error)).await,
        Err(error) => Err(error), // dropping the claim releases it
    }
}

async fn claim(
    store: &Arc<dyn AnswerStore>,
    key: &IdempotencyKey,
    fingerprint: Fingerprint,
) -> Answer<Claim> {
    let deadline = Instant::now() + LONGEST_WAIT;
    let mut pause = FIRST_PAUSE;
    loop {
        let claim = store
            .claim(key.id, fingerprint)
            .await
            .map_err(|error| unavailable("The service", 1).because(error))?;
        if claim != Claim::InProgress || Instant::now() + pause > deadline {
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

fn replay(kept: KeptAnswer) -> Answer {
    let status = StatusCode::from_u16(kept.status).map_err(internal)?;
    let mut answer = HttpResponse::build(status);
    for header in kept.headers {
        answer.insert_header(header);
    }
    answer.insert_header((IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true")));
    Ok(answer.body(kept.body))
}

/// A claim that is released when it is dropped: also when the caller hung up or the time was over,
/// so that the next try needn't wait for the claim to run out.
struct Held {
    store: Arc<dyn AnswerStore>,
    token: Option<ClaimToken>,
}

impl Held {
    /// Keeps a final answer, and gives it.
    async fn keep(mut self, answer: HttpResponse) -> Answer {
        if !is_final(answer.status()) {
            return Ok(answer);
        }
        let (head, body) = answer.into_parts();
        let body = to_bytes(body)
            .await
            .map_err(|_| internal("the answer's body can't be read"))?;
        let headers = [CONTENT_TYPE, LOCATION]
            .iter()
            .filter_map(|name| {
                let value = head.headers().get(name)?.to_str().ok()?;
                Some((name.to_string(), value.to_owned()))
            })
            .collect();
        let kept = KeptAnswer {
            status: head.status().as_u16(),
            headers,
            body: body.clone(),
            rests_on: head.extensions().get::<RestsOn>().cloned(),
        };
        if let Some(token) = self.token.clone() {
            match self.store.finish(token, kept).await {
                Ok(None) => self.token = None,
                Ok(Some(first)) => {
                    self.token = None;
                    return replay(first);
                }
                // The command has taken effect: its answer is given even if it can't be kept. The
                // next try runs it again under the same command id, which has the same effect.
                Err(error) if head.status().is_success() => {
                    tracing::debug!(%error, "an answer was not kept");
                }
                // A refusal has no effect to be found again, and the next try might be accepted:
                // so none is given that isn't kept.
                Err(error) => return Err(unavailable("The service", 1).because(error)),
            }
        }
        Ok(head.set_body(body).map_into_boxed_body())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(token) = self.token.take() else {
            return;
        };
        // A runtime that ends drops its requests one by one, when it may be none any more.
        let Ok(runtime) = Handle::try_current() else {
            tracing::debug!("no runtime to release a claim on a key: it runs out by itself");
            return;
        };
        let store = Arc::clone(&self.store);
        runtime.spawn(async move {
            if let Err(error) = store.release(token).await {
                tracing::debug!(%error, "a claim on a key was not released");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn key(user: u128, text: &str) -> Option<IdempotencyKey> {
        let req = TestRequest::default()
            .insert_header((IDEMPOTENCY_KEY, text))
            .to_http_request();
        IdempotencyKey::of(&req, Uuid::from_u128(user)).ok()?
    }

    #[test]
    fn a_command_is_named_by_user_and_key_in_every_process() {
        assert!(key(1, "a").is_some());
        assert_eq!(key(1, "a"), key(1, "a"));
        assert_ne!(key(1, "a"), key(2, "a"));
        assert_ne!(key(1, "a"), key(1, "b"));
    }

    #[test]
    fn another_request_under_the_same_key_is_another_command() {
        let key = key(1, "a").unwrap();
        let [first, second] = [[1; 32], [2; 32]].map(Fingerprint);
        assert_eq!(key.command_id(first), key.command_id(first));
        assert_ne!(key.command_id(first), key.command_id(second));
    }

    #[test]
    fn two_keys_at_once_are_none() {
        let req = TestRequest::default()
            .append_header((IDEMPOTENCY_KEY, "a"))
            .append_header((IDEMPOTENCY_KEY, "b"))
            .to_http_request();
        assert!(IdempotencyKey::of(&req, Uuid::nil()).is_err());
    }

    #[test]
    fn without_a_key_every_command_has_an_id_of_its_own() {
        let req = TestRequest::default().to_http_request();
        let ids = [(); 2].map(|()| command_id(&req, Uuid::nil()).unwrap());
        assert_ne!(ids[0], ids[1]);
    }

    #[derive(Default)]
    struct Releases(std::sync::Mutex<Vec<Uuid>>);

    impl AnswerStore for Releases {
        fn claim(&self, _: Uuid, _: Fingerprint) -> BoxFuture<'_, Result<Claim, Source>> {
            Box::pin(async { Ok(Claim::InProgress) })
        }

        fn finish(
            &self,
            _: ClaimToken,
            _: KeptAnswer,
        ) -> BoxFuture<'_, Result<Option<KeptAnswer>, Source>> {
            Box::pin(async { Ok(None) })
        }

        fn release(&self, token: ClaimToken) -> BoxFuture<'_, Result<(), Source>> {
            Box::pin(async move {
                self.0.lock().unwrap().push(token.key);
                Ok(())
            })
        }
    }

    #[test]
    fn a_claim_that_is_dropped_is_released_and_outside_of_a_runtime_left_to_run_out() {
        let releases = Arc::new(Releases::default());
        let held = || Held {
            store: Arc::<Releases>::clone(&releases),
            token: Some(ClaimToken {
                key: Uuid::from_u128(7),
                fingerprint: Fingerprint([0; 32]),
                revision: 1,
            }),
        };
        drop(held());
        assert!(releases.0.lock().unwrap().is_empty());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            drop(held());
            tokio::task::yield_now().await;
        });
        assert_eq!(*releases.0.lock().unwrap(), [Uuid::from_u128(7)]);
    }

    #[test]
    fn answers_that_say_try_again_or_sign_in_are_not_final() {
        for status in [401, 408, 409, 413, 429, 500, 503] {
            assert!(!is_final(StatusCode::from_u16(status).unwrap()), "{status}");
        }
        for status in [200, 201, 204, 400, 402, 404, 422] {
            assert!(is_final(StatusCode::from_u16(status).unwrap()), "{status}");
        }
    }
}
