//! The first responses to requests with an idempotency key.
//!
//! A commit contains the ID of its command, so no command takes effect twice. That alone doesn't
//! give a repeated request *the same response*: a refusal leaves no commit, and the same command
//! may be possible now. So the response itself is recorded, under a claim that only one request can
//! hold.
//!
//! Responses are in a stream of their own, and each stream loses its own tail in a power cut. So a
//! response names the commit that it reports, and is returned only while that commit exists: for a
//! lost order, "created" would be false for as long as responses are kept.
//! that is gone, "created" would be a lie for as long as answers are kept.

use async_nats::HeaderMap;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    StoreError,
    connection::{Appended, CommitPlace, Connection},
    error::{encode, unexpected},
    read::{Messages, check_still_stands},
    stream_name::REQUESTS,
    subject::Subject,
};

/// A response, as it was first given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAnswer {
    /// HTTP status.
    pub status: u16,
    /// Headers of the response.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: String,
    /// The commit that it reports. `None` for a refusal: it acknowledges nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rests_on: Option<RestsOn>,
}

/// The commit that a response reports, and its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestsOn {
    /// Name of its stream.
    pub stream: String,
    /// Its sequence there.
    pub sequence: u64,
    /// Its identity.
    pub commit_id: Uuid,
}

/// The state of a request.
#[derive(Clone, Debug)]
pub enum Claim {
    /// It is new, and this process may execute it. End the claim with [`Idempotency::answer`] or
    /// [`Idempotency::release`].
    Fresh(ClaimToken),
    /// Another process is executing it right now.
    InProgress,
    /// It was answered.
    Answered(StoredAnswer),
    /// The key was used for another request.
    Mismatch,
}

/// The right to respond to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimToken {
    /// Identifies the sender and the idempotency key.
    pub key: Uuid,
    /// Identifies the request's content.
    pub fingerprint: String,
    /// Sequence of the claim; a later claim replaces it.
    pub sequence: u64,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    fingerprint: String,
    /// ID of the writer, by which it recognizes its record if the acknowledgment was lost.
    #[serde(default)]
    by: Uuid,
    state: State,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Claimed,
    Released,
    Answered(StoredAnswer),
}

/// The last record of a request.
struct Last {
    sequence: u64,
    stored_at: DateTime<Utc>,
    entry: Entry,
}

/// The first responses to requests. Obtained from [`Log::idempotency`](crate::Log::idempotency).
#[derive(Clone, Debug)]
pub struct Idempotency {
    connection: Connection,
}

impl Idempotency {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Claims a request. `key` identifies its sender and idempotency key, `fingerprint` all of its
    /// content.
    ///
    /// A claim that was neither answered nor released expires after [`LogConfig::claim_ttl`] (its
    /// process is gone by then), and the next request gets it. So does a response whose commit the
    /// log has lost: the request is new again, and has the same effect, since it is executed under
    /// the same command ID.
    ///
    /// [`LogConfig::claim_ttl`]: crate::LogConfig::claim_ttl
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn claim(&self, key: Uuid, fingerprint: &str) -> Result<Claim, StoreError> {
        let found = self.last_entry(key).await?;
        let expected = found.as_ref().map_or(0, |found| found.sequence);
        if let Some(Last {
            entry, stored_at, ..
        }) = found
        {
            if entry.fingerprint != fingerprint {
                return Ok(Claim::Mismatch);
            }
            match entry.state {
                State::Answered(answer) => {
                    if self.has_its_commit(&answer).await? {
                        return Ok(Claim::Answered(answer));
                    }
                    self.connection.tails().doubt();
                }
                State::Claimed => {
                    // By the server's clock on both sides: the clocks of processes may differ by
                    // hours.
                    let age = self.servers_time().await? - stored_at;
                    if age.to_std().unwrap_or_default() < self.connection.config().claim_ttl {
                        return Ok(Claim::InProgress);
                    }
                }
                State::Released => {}
            }
        }
        let recorded = self.record(key, fingerprint, State::Claimed, expected);
        Ok(match recorded.await? {
            Appended::Stored(sequence) => Claim::Fresh(ClaimToken {
                key,
                fingerprint: fingerprint.to_owned(),
                sequence,
            }),
            Appended::Conflict => Claim::InProgress,
        })
    }

    /// Records the response to a request. Returns `false` if the claim was lost in the meantime;
    /// then the other response counts, which another claim returns.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn answer(
        &self,
        claim: &ClaimToken,
        answer: StoredAnswer,
    ) -> Result<bool, StoreError> {
        let recorded = self
            .record(
                claim.key,
                &claim.fingerprint,
                State::Answered(answer),
                claim.sequence,
            )
            .await?;
        Ok(matches!(recorded, Appended::Stored(_)))
    }

    /// Releases a claim, for a request without a final response.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached; the claim then expires.
    pub async fn release(&self, claim: &ClaimToken) -> Result<(), StoreError> {
        self.record(
            claim.key,
            &claim.fingerprint,
            State::Released,
            claim.sequence,
        )
        .await
        .map(|_| ())
    }

    /// Whether the commit that a response reports still exists.
    async fn has_its_commit(&self, answer: &StoredAnswer) -> Result<bool, StoreError> {
        let Some(rests_on) = &answer.rests_on else {
            return Ok(true);
        };
        let mut streams = self.connection.config().event_streams.iter();
        let Some(stream) = streams.find(|stream| stream.as_str() == rests_on.stream) else {
            return Ok(true);
        };
        let place = CommitPlace {
            stream: *stream,
            sequence: rests_on.sequence,
            commit_id: Some(rests_on.commit_id),
        };
        match check_still_stands(&self.connection, place).await {
            Ok(()) => Ok(true),
            Err(error @ StoreError::TailLost { .. }) => {
                tracing::warn!(%error, "forgetting the answer that told of it");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The time by the clock of the server that leads the records.
    async fn servers_time(&self) -> Result<DateTime<Utc>, StoreError> {
        #[derive(Deserialize)]
        struct Answer {
            ts: DateTime<Utc>,
        }
        let requests = self.connection.at(REQUESTS).on_server();
        let subject = format!("$JS.API.STREAM.INFO.{requests}");
        let timeout = self.connection.config().answer_timeout;
        let answer = self.connection.ask(subject, "", timeout).await?;
        let answer: Answer = serde_json::from_slice(&answer.payload)
            .map_err(unexpected("asking the server's time"))?;
        Ok(answer.ts)
    }

    /// The last record of a request.
    async fn last_entry(&self, key: Uuid) -> Result<Option<Last>, StoreError> {
        let messages = Messages::of(&self.connection);
        let message = messages.last(REQUESTS, &key.to_string()).await?;
        message
            .map(|message| {
                let sequence = message.sequence;
                serde_json::from_slice(&message.payload)
                    .map(|entry| Last {
                        sequence,
                        stored_at: message.time,
                        entry,
                    })
                    .map_err(|error| StoreError::Unreadable {
                        stream: REQUESTS,
                        sequence,
                        why: error.to_string(),
                    })
            })
            .transpose()
    }

    async fn record(
        &self,
        key: Uuid,
        fingerprint: &str,
        state: State,
        expected: u64,
    ) -> Result<Appended, StoreError> {
        let by = Uuid::new_v4();
        let entry = Entry {
            fingerprint: fingerprint.to_owned(),
            by,
            state,
        };
        let payload = encode("an idempotency record", &entry)?;
        let subject = Subject {
            stream: REQUESTS,
            key: &key.to_string(),
        };
        let published = self
            .connection
            .publish(subject, HeaderMap::new(), payload.into(), Some(expected))
            .await;
        match published {
            // The claim may have been stored with only its acknowledgment lost. If our own claim
            // were taken for another's, it would lock the request out until it expires.
            Err(error @ StoreError::Unavailable { .. }) => match self.last_entry(key).await? {
                Some(last) if last.entry.by == by => Ok(Appended::Stored(last.sequence)),
                _ => Err(error),
            },
            settled => settled,
        }
    }
}
