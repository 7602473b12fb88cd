//! Dead letters: messages that could not be handled, kept with their error until an operator
//! retries or drops them. The record is append-only like every other stream: the fate of a dead
//! letter is another message, not a deletion.

use async_nats::{HeaderMap, jetstream::message::StreamMessage};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::{
    StoreError, StoredMessage, StreamName,
    connection::Connection,
    error::encode,
    read::{Messages, Reader},
    stream_name::{COMMANDS, DEADLETTERS},
    subject::Subject,
};

/// A message that could not be handled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its number, by which it is retried or dropped.
    #[serde(default)]
    pub id: u64,
    /// The subscription that could not handle it.
    pub subscription: String,
    /// Stream of the message.
    pub stream: String,
    /// Sequence of the message in its stream.
    pub sequence: u64,
    /// The aggregate, or the key of the command.
    pub key: String,
    /// The error of the last try.
    pub error: String,
    /// Number of tries.
    pub tries: u32,
    /// When it was set aside.
    pub at: DateTime<Utc>,
}

/// Asks a subscription to try a dead letter again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RetryMarker {
    pub dead_letter: u64,
    pub stream: String,
    pub sequence: u64,
    pub key: String,
}

impl RetryMarker {
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        serde_json::from_slice(payload).ok()
    }
}

/// The dead letters that wait for a decision, as far as the record was read. Each update reads only
/// what was added: the record only grows, and every process reads it.
#[derive(Debug, Default)]
pub struct OpenDeadLetters {
    open: BTreeMap<u64, DeadLetter>,
    read_to: u64,
}

impl OpenDeadLetters {
    /// Reads what was added since the last time. Returns the number of messages read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached. Messages that were read until then
    /// count.
    pub async fn catch_up(&mut self, record: &DeadLetters) -> Result<u64, StoreError> {
        let end = record.connection.stream_end(DEADLETTERS).await?;
        if end < self.read_to {
            // It was restored from a backup, or recreated.
            *self = Self::default();
        }
        let mut read = 0;
        while self.read_to < end {
            let messages = Messages::of(&record.connection);
            let next = messages
                .next_in_stream(DEADLETTERS, self.read_to + 1)
                .await?;
            // The last message is gone by now: it is read the next time.
            let Some((sequence, message)) = next else {
                break;
            };
            if let Some(message) = message {
                let key = record.connection.at(DEADLETTERS).key_of(&message.subject);
                self.take(key.unwrap_or_default(), &message);
            }
            self.read_to = sequence;
            read += 1;
        }
        Ok(read)
    }

    /// Number of open dead letters.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    fn take(&mut self, key: &str, message: &StreamMessage) {
        let (id, payload) = (message.sequence, &message.payload);
        if key.starts_with("dead.") {
            if let Ok(letter) = serde_json::from_slice::<DeadLetter>(payload) {
                self.open.insert(id, DeadLetter { id, ..letter });
            }
        } else if key == "resolved"
            && let Ok(resolution) = serde_json::from_slice::<Resolution>(payload)
        {
            self.open.remove(&resolution.dead_letter);
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Resolution {
    dead_letter: u64,
    how: String,
    at: DateTime<Utc>,
}

/// The key under which a subscription receives requests to retry dead letters.
pub(crate) fn retry_key(subscription: &str) -> String {
    format!("retry.{subscription}")
}

/// The messages that were set aside. Obtained from
/// [`Log::dead_letters`](crate::Log::dead_letters).
#[derive(Clone, Debug)]
pub struct DeadLetters {
    connection: Connection,
}

impl DeadLetters {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Lists the dead letters that wait for a decision, oldest first. Reads the whole record; for
    /// repeated queries keep [`OpenDeadLetters`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn list(&self) -> Result<Vec<DeadLetter>, StoreError> {
        let mut letters = OpenDeadLetters::default();
        letters.catch_up(self).await?;
        Ok(letters.open.into_values().collect())
    }

    /// Asks the subscription of a dead letter to retry it; that happens within moments, or when the
    /// subscription runs next.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn retry(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        let marker = RetryMarker {
            dead_letter: letter.id,
            stream: letter.stream.clone(),
            sequence: letter.sequence,
            key: letter.key.clone(),
        };
        self.put(&retry_key(&letter.subscription), &marker).await
    }

    /// Drops a dead letter: it is no longer listed, and its message is never handled.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn drop(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        self.resolve(letter.id, "dropped").await
    }

    pub(crate) async fn resolve(&self, id: u64, how: &str) -> Result<(), StoreError> {
        let resolution = Resolution {
            dead_letter: id,
            how: how.to_owned(),
            at: Utc::now(),
        };
        self.put("resolved", &resolution).await
    }

    pub(crate) async fn store(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        self.put(&format!("dead.{}", letter.subscription), letter)
            .await
    }

    /// The message of a dead letter; `None` if it is gone.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn message_of(
        &self,
        letter: &DeadLetter,
    ) -> Result<Option<StoredMessage>, StoreError> {
        match self.stream_of(&letter.stream) {
            Some(stream) => {
                let reader = Reader::new(self.connection.clone());
                reader.stored_message(stream, letter.sequence).await
            }
            None => Ok(None),
        }
    }

    /// Resolves the name of a stream that a dead letter may refer to.
    pub(crate) fn stream_of(&self, name: &str) -> Option<StreamName> {
        let event_streams = self.connection.config().event_streams.iter().copied();
        let mut streams = event_streams.chain([COMMANDS]);
        let stream = streams.find(|stream| stream.as_str() == name)?;
        Some(self.connection.at(stream))
    }

    /// Appends to the record.
    pub(crate) async fn put(&self, key: &str, value: &impl Serialize) -> Result<(), StoreError> {
        let payload = encode("a record of dead letters", value)?;
        let subject = Subject {
            stream: DEADLETTERS,
            key,
        };
        self.connection
            .publish(subject, HeaderMap::new(), payload.into(), None)
            .await
            .map(|_| ())
    }
}
