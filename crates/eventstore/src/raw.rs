//! Messages as they are stored, whatever they are: for people who look at what can't be read.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

use crate::{DeadLetter, Log, StoreError, StreamName, read_message, streams::COMMANDS};

/// A message as it is stored. Nothing of it has been understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its stream.
    pub stream: StreamName,
    /// Its sequence in that stream.
    pub sequence: u64,
    /// When the server stored it.
    pub stored_at: DateTime<Utc>,
    /// The subject that it was sent to.
    pub subject: String,
    /// Its headers; one may be there several times.
    pub headers: BTreeMap<String, Vec<String>>,
    /// Its bytes.
    pub payload: Bytes,
}

impl StoredMessage {
    /// The aggregate (or key) that its subject names.
    pub fn key(&self) -> Option<&str> {
        self.stream.key_of(&self.subject)
    }
}

impl Log {
    /// What is stored at a place, also where it is no commit; `None` where nothing is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn stored_message(
        &self,
        stream: StreamName,
        sequence: u64,
    ) -> Result<Option<StoredMessage>, StoreError> {
        let found = self.anything_at(stream, sequence).await?;
        Ok(found.map(|message| {
            let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (name, values) in read_message::as_stored(&message.headers).iter() {
                let texts = values.iter().map(|value| value.as_str().to_owned());
                headers.entry(name.to_string()).or_default().extend(texts);
            }
            StoredMessage {
                stream,
                sequence: message.sequence,
                stored_at: message.time,
                subject: message.subject.to_string(),
                headers,
                payload: message.payload,
            }
        }))
    }

    /// The message that a dead letter is about; `None` if it is gone.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn message_of(
        &self,
        letter: &DeadLetter,
    ) -> Result<Option<StoredMessage>, StoreError> {
        let event_streams = self.config().event_streams.iter().copied();
        let mut streams = event_streams.chain([COMMANDS]);
        match streams.find(|name| name.as_str() == letter.stream) {
            Some(stream) => self.stored_message(stream, letter.sequence).await,
            None => Ok(None),
        }
    }
}
