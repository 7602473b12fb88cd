//! Writes history: whole commits as they were, in order, with many in flight.

use async_nats::jetstream::{context::PublishAckFuture, message::PublishMessage};
use std::collections::VecDeque;

use crate::{
    HistoricalCommit, Metadata, StoreError, StreamName,
    commit::{UnsavedCommit, UnsavedMessage},
    connection::{Appended, Basis, Connection, classify_publish_error, not_connected},
    error::unavailable,
    subject::{Subject, check_id},
};

/// Unacknowledged appends per stream. More would only cost memory.
const IN_FLIGHT: usize = 512;

/// Writes history to one stream. Obtained from [`Importer::begin`].
#[derive(Debug)]
pub struct Import {
    connection: Connection,
    stream: StreamName,
    /// The sequence of the last commit that was sent.
    last: u64,
    waiting: VecDeque<(u64, PublishAckFuture)>,
}

/// Writes commits without deciding anything. Obtained from [`Log::importer`](crate::Log::importer).
#[derive(Clone, Debug)]
pub struct Importer {
    connection: Connection,
}

impl Importer {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Begins to write history after the stream's last commit, which must be at `last` (0 in an
    /// empty stream).
    ///
    /// Each commit states the last sequence of the whole stream and not only of its subject: so
    /// commits keep their order while many are in flight, no commit is stored after one that
    /// failed, and an import never mixes with other writes.
    pub fn begin(&self, stream: StreamName, last: u64) -> Import {
        Import {
            connection: self.connection.clone(),
            stream,
            last,
            waiting: VecDeque::with_capacity(IN_FLIGHT),
        }
    }

    /// Appends events under given metadata without deciding anything: for imports and tests of the
    /// log itself. Returns the commit's sequence.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when `expected` isn't the subject's last sequence (0 if it has
    /// none); [`StoreError::InvalidId`], [`StoreError::TooLarge`] or [`StoreError::Unavailable`]
    /// as in [`Store::execute`](crate::Store::execute).
    pub async fn append_events<E: cqrs_es::DomainEvent>(
        &self,
        stream: StreamName,
        (aggregate_type, aggregate_id): (&str, &str),
        version: u64,
        events: &[E],
        metadata: &Metadata,
        expected: u64,
    ) -> Result<u64, StoreError> {
        check_id(aggregate_id)?;
        let commit = UnsavedCommit::encode(events, metadata)?;
        let message = UnsavedMessage::of_one(aggregate_type, version, &commit)?;
        // No decision depends on cached state here, so any epoch will do.
        self.connection.wait_until_proved().await?;
        let (id, tails) = (commit.id, self.connection.tails());
        let basis = Basis {
            last_sequence: expected,
            epoch: tails.epoch(stream),
        };
        let subject = Subject {
            stream,
            key: aggregate_id,
        };
        match self.connection.append(subject, message, basis).await? {
            Appended::Stored(sequence) => {
                let correlation = &metadata.correlation_id;
                tails.note(stream, sequence, [(0, id, &**correlation)]);
                Ok(sequence)
            }
            Appended::Conflict => Err(StoreError::Conflict {
                stream,
                aggregate_id: aggregate_id.to_owned(),
                tries: 1,
            }),
        }
    }
}

impl Import {
    /// Sends a message of this stream and returns the sequence that it will have. It holds one
    /// commit, or several of one aggregate that follow one another. Only [`Import::finish`]
    /// confirms that it is stored. Waits while too many are in flight.
    ///
    /// # Errors
    /// Those of messages that were sent before, too. [`StoreError::Rejected`] when another client
    /// writes to the stream, or the commits don't follow one another; [`StoreError::InvalidId`], [`StoreError::TooLarge`] or
    /// [`StoreError::Unavailable`], which names the first message that is not known to be stored.
    /// All messages before the failed one are stored, and none after it.
    pub async fn append(&mut self, commits: &[HistoricalCommit]) -> Result<u64, StoreError> {
        let payload = HistoricalCommit::message(commits)?;
        let key = commits.first().map_or("", |first| &*first.aggregate_id);
        check_id(key)?;
        if self.waiting.len() >= IN_FLIGHT {
            self.settle_one().await?;
        }
        if !self.connection.is_connected() {
            // The first without an acknowledgment: all before it are stored.
            let first = self
                .waiting
                .front()
                .map_or(self.last + 1, |(first, _)| *first);
            return Err(self.lost(first, not_connected()));
        }
        let message = PublishMessage::build()
            .payload(payload)
            .expected_last_sequence(self.last);
        let subject = self.connection.at(self.stream).subject(key);
        let sent = self
            .connection
            .jetstream()
            .send_publish(subject, message)
            .await;
        self.last += 1;
        let sent = sent
            .map_err(unavailable("publishing"))
            .map_err(|error| self.lost(self.last, error))?;
        self.waiting.push_back((self.last, sent));
        Ok(self.last)
    }

    /// Waits until everything that was sent is stored. Returns the last sequence.
    ///
    /// # Errors
    /// As [`Import::append`].
    pub async fn finish(mut self) -> Result<u64, StoreError> {
        while !self.waiting.is_empty() {
            self.settle_one().await?;
        }
        Ok(self.last)
    }

    fn lost(&self, sequence: u64, why: StoreError) -> StoreError {
        why.in_context(format!("{}#{sequence} was not written", self.stream))
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
        let subject = Subject {
            stream: self.stream,
            key: "*",
        };
        let appended = match acknowledgment.await {
            Ok(acknowledgment) => Appended::Stored(acknowledgment.sequence),
            Err(error) => classify_publish_error(error, subject)
                .map_err(|error| self.lost(sequence, error))?,
        };
        match appended {
            Appended::Stored(found) if found == sequence => Ok(()),
            Appended::Stored(_) | Appended::Conflict => Err(somebody_else()),
        }
    }
}
