//! Dead letters: messages that could not be handled, kept with their error until an operator
//! retries or drops them. The record is append-only like everything else: what became of a dead
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
    /// Its number; give this to retry or drop it.
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
    /// Why, at the last try.
    pub error: String,
    /// How often it was tried.
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

/// The dead letters that wait for a decision, as far as the record was read. Whoever looks again
/// reads only what was added: the record only grows, and every process looks at it.
#[derive(Debug, Default)]
pub struct OpenDeadLetters {
    open: BTreeMap<u64, DeadLetter>,
    read_to: u64,
}

impl OpenDeadLetters {
    /// Reads what was added since the last time. Gives how many messages that were.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached. What was read until then stays.
    pub async fn catch_up(&mut self, record: &DeadLetters) -> Result<u64, StoreError> {
        let end = record.connection.stream_end(DEADLETTERS).await?;
        if end < self.read_to {
            // It was restored from a backup, or made anew.
            *self = Self::default();
        }
        let mut read = 0;
        while self.read_to < end {
            let messages = Messages::of(&record.connection);
            let next = messages
                .next_in_stream(DEADLETTERS, self.read_to + 1)
                .await?;
            // What was the end is gone by now: it is read the next time.
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

    /// How many wait.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether none waits.
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

/// The key under which a subscription is asked to try dead letters again.
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

    /// The dead letters that wait for a decision, oldest first. Reads the whole record; who asks
    /// again and again keeps [`OpenDeadLetters`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn list(&self) -> Result<Vec<DeadLetter>, StoreError> {
        let mut letters = OpenDeadLetters::default();
        letters.catch_up(self).await?;
        Ok(letters.open.into_values().collect())
    }

    /// Asks the subscription of a dead letter to try it again; it does so within moments, or when
    /// it runs next.
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

    /// Gives a dead letter up: it is listed no more, and its message is never handled.
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

    /// The message that a dead letter is about; `None` if it is gone.
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

    /// A stream that a dead letter may be of, by its name.
    pub(crate) fn stream_of(&self, name: &str) -> Option<StreamName> {
        let event_streams = self.connection.config().event_streams.iter().copied();
        let mut streams = event_streams.chain([COMMANDS]);
        let stream = streams.find(|stream| stream.as_str() == name)?;
        Some(self.connection.at(stream))
    }

    /// Adds to the record.
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
