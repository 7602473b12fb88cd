//! Announcements: news for whoever listens right now, kept nowhere.

use bytes::Bytes;
use futures_util::{Stream, StreamExt};

use crate::{Log, StoreError, error::unavailable, streams::check_id};

/// Core NATS subjects, outside every stream: an announcement that nobody hears is no loss.
fn subject(topic: &str) -> Result<String, StoreError> {
    check_id(topic)?;
    Ok(format!("announce.{topic}"))
}

impl Log {
    /// Tells everybody who listens to a topic, at most once. Doesn't wait for the server.
    ///
    /// # Errors
    /// [`StoreError::InvalidId`] for a topic that isn't one token; [`StoreError::Unavailable`]
    /// when there is no connection.
    pub async fn broadcast(&self, topic: &str, payload: Vec<u8>) -> Result<(), StoreError> {
        let subject = subject(topic)?;
        if !self.is_connected() {
            return Err(StoreError::Unavailable("not connected to NATS".to_owned()));
        }
        self.client()
            .publish(subject, payload.into())
            .await
            .map_err(unavailable)
    }

    /// Listens to a topic. What is announced while the connection is lost isn't heard; see
    /// [`Log::connection`].
    ///
    /// # Errors
    /// As [`Log::broadcast`].
    pub async fn subscribe(
        &self,
        topic: &str,
    ) -> Result<impl Stream<Item = Bytes> + Send + Unpin + use<>, StoreError> {
        let subscription = self
            .client()
            .subscribe(subject(topic)?)
            .await
            .map_err(unavailable)?;
        Ok(subscription.map(|message| message.payload))
    }
}
