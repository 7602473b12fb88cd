//! Writing history: whole commits as they were, in order, with many under way at once.

use async_nats::jetstream::{context::PublishAckFuture, message::PublishMessage};
use bytes::Bytes;
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::{borrow::Cow, collections::VecDeque};
use uuid::Uuid;

use crate::{
    Commit, Log, Metadata, StoreError, StreamName, Upcasters,
    append::{Appended, classify_publish_error},
    commit::{headers_of, payload_of},
    error::unavailable,
    streams::check_id,
};

/// Appends under way at once, in one stream. More bring nothing but memory.
const IN_FLIGHT: usize = 512;

/// A commit that is written as it was, id and time included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoricalCommit {
    /// Its stream.
    pub stream: StreamName,
    /// The aggregate's type.
    pub aggregate_type: String,
    /// The aggregate.
    pub aggregate_id: String,
    /// The aggregate's version of the commit's first event; the first event ever has 0.
    pub version: u64,
    /// Identity of the commit: others may name it as their cause.
    pub commit_id: Uuid,
    /// Where it came from, and when.
    pub metadata: Metadata,
    payload: Bytes,
}

/// An event as it is stored, byte for byte, without being understood.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct StoredEvent<'a> {
    /// Version of the event's schema.
    #[serde(borrow)]
    pub version: Cow<'a, str>,
    /// Type of the event.
    #[serde(rename = "type", borrow)]
    pub event_type: Cow<'a, str>,
    /// What happened; absent for an event that says nothing but that it happened.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub data: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Payload<'a, 'e> {
    events: &'a [StoredEvent<'e>],
}

impl HistoricalCommit {
    /// A commit of events on an aggregate, given by stream, type and id.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when an event can't be serialized so that it can be read back.
    pub fn new<E: DomainEvent>(
        (stream, aggregate_type, aggregate_id): (StreamName, &str, String),
        version: u64,
        commit_id: Uuid,
        metadata: Metadata,
        events: &[E],
    ) -> Result<Self, StoreError> {
        Ok(Self {
            stream,
            aggregate_type: aggregate_type.to_owned(),
            aggregate_id,
            version,
            commit_id,
            metadata,
            payload: payload_of(events)?,
        })
    }

    /// The same with other events: as they were stored.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when they can't be serialized.
    pub fn of_stored(
        (stream, aggregate_type, aggregate_id): (StreamName, &str, String),
        version: u64,
        commit_id: Uuid,
        metadata: Metadata,
        events: &[StoredEvent<'_>],
    ) -> Result<Self, StoreError> {
        let payload = serde_json::to_vec(&Payload { events })
            .map_err(|error| StoreError::Rejected(error.to_string()))?;
        Ok(Self {
            stream,
            aggregate_type: aggregate_type.to_owned(),
            aggregate_id,
            version,
            commit_id,
            metadata,
            payload: payload.into(),
        })
    }

    /// What is stored, as it is.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The commit as a reader finds it at this place of the log: to measure, without a server, what
    /// is made of commits.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when what is given of its origin is too long to be kept.
    #[doc(hidden)]
    pub fn as_commit(&self, sequence: u64) -> Result<Commit, StoreError> {
        Commit::from_parts(
            self.stream,
            sequence,
            &self.stream.subject(&self.aggregate_id),
            &headers_of(
                &self.aggregate_type,
                self.version,
                self.commit_id,
                &self.metadata,
            )?,
            self.payload.clone(),
            self.metadata.time,
            &Upcasters::default(),
        )
    }
}

impl Commit {
    /// The events as they are stored, undecoded and not brought up to the newest schema: for a
    /// copy of the log.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`], when the payload isn't a commit.
    pub fn stored_events(&self) -> Result<Vec<StoredEvent<'_>>, StoreError> {
        self.parse_payload()
    }
}

/// Writes history to one stream. Obtained from [`Log::import`].
#[derive(Debug)]
pub struct Import {
    log: Log,
    stream: StreamName,
    /// The sequence of the last commit that was sent.
    last: u64,
    waiting: VecDeque<(u64, PublishAckFuture)>,
}

impl Log {
    /// Begins to write history behind the stream's last commit, which must be at `last` (0 in an
    /// empty stream).
    ///
    /// Each commit states the last sequence of the whole stream and not of its subject alone: so
    /// commits can't change their order while many are under way, nothing lands behind one that
    /// failed, and an import never mixes with traffic.
    pub fn import(&self, stream: StreamName, last: u64) -> Import {
        Import {
            log: self.clone(),
            stream,
            last,
            waiting: VecDeque::with_capacity(IN_FLIGHT),
        }
    }
}

impl Import {
    /// Sends a commit of this stream; it stands only when [`Import::finish`] says so. Gives the
    /// sequence that it will have. Waits while too many are under way.
    ///
    /// # Errors
    /// Those of a commit that was sent before, too. [`StoreError::Rejected`] when somebody else
    /// writes to the stream; [`StoreError::InvalidId`], [`StoreError::TooLarge`] or
    /// [`StoreError::Unavailable`], which names the first that isn't known to stand. What was sent before the one that failed stands, nothing
    /// after it does.
    pub async fn append(&mut self, commit: &HistoricalCommit) -> Result<u64, StoreError> {
        check_id(&commit.aggregate_id)?;
        if self.waiting.len() >= IN_FLIGHT {
            self.settle_one().await?;
        }
        if !self.log.is_connected() {
            // The first that nobody acknowledged: what is before it stands.
            let first = self
                .waiting
                .front()
                .map_or(self.last + 1, |(first, _)| *first);
            return Err(self.lost(first, "not connected to NATS"));
        }
        let headers = headers_of(
            &commit.aggregate_type,
            commit.version,
            commit.commit_id,
            &commit.metadata,
        )?;
        let message = PublishMessage::build()
            .payload(commit.payload.clone())
            .headers(headers)
            .expected_last_sequence(self.last);
        let subject = self.stream.subject(&commit.aggregate_id);
        let sent = self.log.jetstream().send_publish(subject, message).await;
        self.last += 1;
        self.waiting
            .push_back((self.last, sent.map_err(|e| self.lost(self.last, e))?));
        Ok(self.last)
    }

    /// Waits until everything that was sent stands. Gives the last sequence.
    ///
    /// # Errors
    /// As [`Import::append`].
    pub async fn finish(mut self) -> Result<u64, StoreError> {
        while !self.waiting.is_empty() {
            self.settle_one().await?;
        }
        Ok(self.last)
    }

    fn lost(&self, sequence: u64, why: impl std::fmt::Display) -> StoreError {
        unavailable(format!("{}#{sequence} was not written: {why}", self.stream))
    }

    async fn settle_one(&mut self) -> Result<(), StoreError> {
        let Some((sequence, acknowledgment)) = self.waiting.pop_front() else {
            return Ok(());
        };
        let somebody_else = || {
            StoreError::Rejected(format!(
                "{}#{sequence}: somebody else writes to this stream",
                self.stream
            ))
        };
        let appended = match acknowledgment.await {
            Ok(acknowledgment) => Appended::Stored(acknowledgment.sequence),
            Err(error) => match classify_publish_error(&error, (self.stream, "*")) {
                Err(StoreError::Unavailable(why)) => return Err(self.lost(sequence, why)),
                judged => judged?,
            },
        };
        match appended {
            Appended::Stored(found) if found == sequence => Ok(()),
            Appended::Stored(_) | Appended::Conflict => Err(somebody_else()),
        }
    }
}
