//! Public keys, published in the log: any process can check a signature without asking the service
//! that signs.
//!
//! A key is published under its ID, and later retired under the same ID. A retired key stays
//! recorded as retired, so it can't be published again by mistake.

use async_nats::HeaderMap;
use chrono::{DateTime, Utc};

use crate::{
    StoreError,
    connection::{Appended, Connection},
    read::Messages,
    stream_name::KEYS,
    subject::{Subject, check_id},
};

/// A public key as recorded in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// Its id.
    pub id: String,
    /// The key; `None` once it is retired.
    pub key: Option<String>,
    /// When it was published, or retired.
    pub since: DateTime<Utc>,
}

/// The public keys in the log. Obtained from
/// [`Log::session_keys`](crate::Log::session_keys).
#[derive(Clone, Debug)]
pub struct SessionKeys {
    connection: Connection,
}

impl SessionKeys {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Publishes a public key under its ID. Repeating it changes nothing. Returns whether it is
    /// new.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached; [`StoreError::InvalidId`] for an ID
    /// that isn't one token; [`StoreError::Rejected`] for a key that was retired.
    pub async fn publish(&self, id: &str, key: &str) -> Result<bool, StoreError> {
        check_id(id)?;
        loop {
            let mut last = 0;
            // Every signing process runs this at its start, and the key is nearly always the same.
            if let Some(message) = Messages::of(&self.connection).last(KEYS, id).await? {
                if message.payload.is_empty() {
                    return Err(StoreError::Rejected(format!("key {id} was retired")));
                }
                if message.payload.as_ref() == key.as_bytes() {
                    return Ok(false);
                }
                last = message.sequence;
            }
            // An operator may retire it between the read and this append: it then stays retired.
            if let Appended::Stored(_) = self.put_key(id, key.to_owned(), Some(last)).await? {
                return Ok(true);
            }
        }
    }

    /// Retires a public key: its signatures become invalid, and it can't be published again.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached; [`StoreError::InvalidId`] for an ID
    /// that isn't one token.
    pub async fn retire(&self, id: &str) -> Result<(), StoreError> {
        check_id(id)?;
        // Regardless of what came before.
        self.put_key(id, String::new(), None).await.map(|_| ())
    }

    /// Lists every public key that was published, the most recently published or retired last.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn list(&self) -> Result<Vec<KnownKey>, StoreError> {
        let mut known: Vec<KnownKey> = Vec::new();
        let keys = self.connection.at(KEYS);
        for message in Messages::of(&self.connection).all(KEYS).await? {
            let Some(id) = keys.key_of(&message.subject) else {
                continue;
            };
            let Ok(key) = String::from_utf8(message.payload.to_vec()) else {
                continue;
            };
            // A lagging replica may still have returned what the leader replaced.
            known.retain(|earlier| earlier.id != id);
            known.push(KnownKey {
                id: id.to_owned(),
                key: Some(key).filter(|key| !key.is_empty()),
                since: message.time,
            });
        }
        Ok(known)
    }

    async fn put_key(
        &self,
        id: &str,
        key: String,
        expected: Option<u64>,
    ) -> Result<Appended, StoreError> {
        let payload = key.into_bytes().into();
        let subject = Subject {
            stream: KEYS,
            key: id,
        };
        self.connection
            .publish(subject, HeaderMap::new(), payload, expected)
            .await
    }
}
