//! Announcements: messages for current subscribers, stored nowhere.

use bytes::Bytes;
use futures_util::{Stream, StreamExt};

use crate::{
    StoreError,
    connection::{Connection, not_connected},
    error::unavailable,
    subject::check_id,
};

/// Announcements. Obtained from
/// [`Log::pubsub`](crate::Log::pubsub).
#[derive(Clone, Debug)]
pub struct PubSub {
    connection: Connection,
}

impl PubSub {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Core NATS subjects, outside every stream: an announcement without a subscriber is no loss.
    fn subject(&self, topic: &str) -> Result<String, StoreError> {
        check_id(topic)?;
        let prefix = self.connection.config().prefix.as_str();
        Ok(format!("{prefix}announce.{topic}"))
    }

    /// Sends a message to all subscribers of a topic, at most once. Doesn't wait for the server.
    ///
    /// # Errors
    /// [`StoreError::InvalidId`] for a topic that isn't one token; [`StoreError::Unavailable`]
    /// when there is no connection.
    pub async fn broadcast(&self, topic: &str, payload: Vec<u8>) -> Result<(), StoreError> {
        let subject = self.subject(topic)?;
        if !self.connection.is_connected() {
            return Err(not_connected());
        }
        self.connection
            .client()
            .publish(subject, payload.into())
            .await
            .map_err(unavailable("sending an announcement"))
    }

    /// Subscribes to a topic. Announcements during a loss of the connection are missed; see
    /// [`Log::connection`](crate::Log::connection).
    ///
    /// # Errors
    /// As [`PubSub::broadcast`].
    pub async fn subscribe(
        &self,
        topic: &str,
    ) -> Result<impl Stream<Item = Bytes> + Send + Unpin + use<>, StoreError> {
        let subscription = self
            .connection
            .client()
            .subscribe(self.subject(topic)?)
            .await
            .map_err(unavailable("listening to announcements"))?;
        Ok(subscription.map(|message| message.payload))
    }
}
