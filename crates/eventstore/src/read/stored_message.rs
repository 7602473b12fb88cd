//! Messages as they are stored, for operators who inspect unreadable ones.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

use super::message::Messages;
use crate::{StoreError, StreamName, connection::Connection, server_answer::as_stored};

/// A message as it is stored, unparsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its stream.
    pub stream: StreamName,
    /// Its sequence in that stream.
    pub sequence: u64,
    /// When the server stored it.
    pub stored_at: DateTime<Utc>,
    /// The subject that it was published to.
    pub subject: String,
    /// Its headers; a name may occur several times.
    pub headers: BTreeMap<String, Vec<String>>,
    /// Its bytes.
    pub payload: Bytes,
}

impl StoredMessage {
    /// The aggregate (or key) in its subject.
    pub fn key(&self) -> Option<&str> {
        self.stream.key_of(&self.subject)
    }
}

/// Reads the message at a place; `None` if there is none.
pub(super) async fn read(
    connection: &Connection,
    stream: StreamName,
    sequence: u64,
) -> Result<Option<StoredMessage>, StoreError> {
    let messages = Messages::of(connection);
    let found = messages.anything_at(stream, sequence).await?;
    Ok(found.map(|message| {
        let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, values) in as_stored(&message.headers).iter() {
            let texts = values.iter().map(|value| value.as_str().to_owned());
            headers.entry(name.to_string()).or_default().extend(texts);
        }
        StoredMessage {
            stream: connection.at(stream),
            sequence: message.sequence,
            stored_at: message.time,
            subject: message.subject.to_string(),
            headers,
            payload: message.payload,
        }
    }))
}
