//! Public keys, announced through the log: whoever must check a signature can, without asking the
//! service that signs.

use async_nats::HeaderMap;

use crate::{
    Log, StoreError,
    streams::{KEYS, valid_id},
};

impl Log {
    /// Publishes a public key under its id. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached; [`StoreError::InvalidId`] for an id
    /// that isn't one token.
    pub async fn publish_key(&self, id: &str, key: &str) -> Result<(), StoreError> {
        valid_id(id)?;
        // Every start of a process that signs comes here, and the key is nearly always the same.
        let known = self.last_message(KEYS, id).await?;
        if known.is_some_and(|message| message.payload.as_ref() == key.as_bytes()) {
            return Ok(());
        }
        let payload = key.to_owned().into_bytes().into();
        self.publish((KEYS, id), HeaderMap::new(), payload, None)
            .await
            .map(|_| ())
    }

    /// Every public key that was published, with its id; the newest last.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn public_keys(&self) -> Result<Vec<(String, String)>, StoreError> {
        let keys = self.messages(KEYS).await?;
        Ok(keys
            .into_iter()
            .filter_map(|message| {
                let id = KEYS.key_of(&message.subject)?.to_owned();
                Some((id, String::from_utf8(message.payload.to_vec()).ok()?))
            })
            .collect())
    }
}
