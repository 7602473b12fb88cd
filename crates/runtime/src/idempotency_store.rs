//! Answers by `Idempotency-Key`, kept in the log.

use bytes::Bytes;
use eventstore::{Log, StoredAnswer};
use futures_util::future::BoxFuture;
use httpkit::{
    error::Source,
    idempotency::{AnswerStore, Claim, ClaimToken, Fingerprint, KeptAnswer, RestsOn},
};
use std::fmt::Write as _;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// For so long the release of a claim is tried; after that it has lapsed anyway.
const RELEASE_WITHIN: Duration = Duration::from_secs(15);
/// How often it is tried.
const RELEASE_EVERY: Duration = Duration::from_millis(250);

pub(crate) struct IdempotencyStore(pub Log);

impl AnswerStore for IdempotencyStore {
    fn claim(&self, key: Uuid, fingerprint: Fingerprint) -> BoxFuture<'_, Result<Claim, Source>> {
        Box::pin(async move {
            let claimed = self.0.idempotency().claim(key, &hex(fingerprint)).await?;
            Ok(match claimed {
                eventstore::Claim::Fresh(token) => Claim::Fresh(ClaimToken {
                    key,
                    fingerprint,
                    revision: token.sequence,
                }),
                eventstore::Claim::InProgress => Claim::InProgress,
                eventstore::Claim::Mismatch => Claim::Mismatch,
                eventstore::Claim::Answered(answer) => Claim::Answered(KeptAnswer {
                    status: answer.status,
                    headers: answer.headers,
                    body: Bytes::from(answer.body),
                    rests_on: answer.rests_on.map(|commit| RestsOn {
                        stream: commit.stream,
                        sequence: commit.sequence,
                        commit_id: commit.commit_id,
                    }),
                }),
            })
        })
    }

    fn finish(
        &self,
        token: ClaimToken,
        answer: KeptAnswer,
    ) -> BoxFuture<'_, Result<Option<KeptAnswer>, Source>> {
        Box::pin(async move {
            let body = String::from_utf8(answer.body.to_vec())?;
            let answer = StoredAnswer {
                status: answer.status,
                headers: answer.headers,
                body,
                rests_on: answer.rests_on.map(|commit| eventstore::RestsOn {
                    stream: commit.stream,
                    sequence: commit.sequence,
                    commit_id: commit.commit_id,
                }),
            };
            if self.0.idempotency().answer(&stored(&token), answer).await? {
                return Ok(None);
            }
            // Somebody took the claim over. If there is an answer by now, it is the first.
            match self.claim(token.key, token.fingerprint).await? {
                Claim::Answered(first) => Ok(Some(first)),
                Claim::Fresh(_) | Claim::InProgress | Claim::Mismatch => Ok(None),
            }
        })
    }

    fn release(&self, token: ClaimToken) -> BoxFuture<'_, Result<(), Source>> {
        Box::pin(async move {
            let token = stored(&token);
            let deadline = Instant::now() + RELEASE_WITHIN;
            loop {
                match self.0.idempotency().release(&token).await {
                    // Most claims are released because the log was away. Unless it is told when it
                    // is back, everybody who tries again is kept waiting until the claim lapses.
                    Err(error) if error.is_transient() && Instant::now() < deadline => {
                        sleep(RELEASE_EVERY).await;
                    }
                    released => return Ok(released?),
                }
            }
        })
    }
}

fn stored(token: &ClaimToken) -> eventstore::ClaimToken {
    eventstore::ClaimToken {
        key: token.key,
        fingerprint: hex(token.fingerprint),
        sequence: token.revision,
    }
}

fn hex(fingerprint: Fingerprint) -> String {
    let mut text = String::with_capacity(64);
    for byte in fingerprint.0 {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
