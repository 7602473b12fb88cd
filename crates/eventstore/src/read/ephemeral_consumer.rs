//! A short-lived consumer of one reader.

use async_nats::jetstream::{
    Message,
    consumer::{AckPolicy, DeliverPolicy, pull},
};
use futures_util::StreamExt;
use std::time::Duration;

use super::holes::Holes;
use crate::{
    StoreError, StreamName,
    connection::{
        Connection,
        pull_requests::{self, Silence},
    },
    error::{unavailable, unexpected},
};

/// Number of messages per request to the server. Enough to keep a reader that folds in memory busy
/// while the next ones are in transit.
const BATCH: usize = 2_000;
/// After this time without a request the server removes the consumer. The client never deletes it:
/// permission to delete consumers would include those of other clients.
const KEPT: Duration = Duration::from_secs(30);

/// All messages of a stream, in order, until the consumer is lost.
///
/// The client's ordered consumer, which recreates itself, isn't used: when the server that holds it
/// is killed, it waits with the client's own timeout for an answer that can't come until the
/// cluster has elected a leader, and readers stood still for up to half a minute. With this one
/// each attempt is as short as the answer to a command, and its user creates the next one at once.
///
/// It has no name: so it needs permission to create anonymous consumers, and none to change a
/// durable one.
pub(crate) struct EphemeralConsumer {
    connection: Connection,
    stream: StreamName,
    messages: pull::Stream,
    /// The sequence of the last message that it must deliver; `None` for the messages of one
    /// aggregate, whose last sequence a stream doesn't report.
    last: Option<u64>,
    silence: Silence,
    /// Number of delivered messages.
    delivered: u64,
    /// Number of messages that were waiting when it was created.
    pending: u64,
}

impl EphemeralConsumer {
    /// Begins to read a stream at a sequence: all of it, or the subject of one aggregate.
    pub(crate) async fn open(
        connection: &Connection,
        stream: StreamName,
        aggregate_id: Option<&str>,
        from: u64,
    ) -> Result<Self, StoreError> {
        let stream = connection.at(stream);
        let filter_subject = aggregate_id.map(|id| stream.subject(id));
        let consumer = connection
            .stream(stream)
            .await?
            .create_consumer(pull::Config {
                deliver_policy: DeliverPolicy::ByStartSequence {
                    start_sequence: from,
                },
                filter_subject: filter_subject.unwrap_or_default(),
                ack_policy: AckPolicy::None,
                inactive_threshold: KEPT,
                // In the memory of one server: if that is lost, it costs one request.
                num_replicas: 1,
                memory_storage: true,
                ..pull::Config::default()
            })
            .await
            .map_err(unavailable("making a consumer"))?;
        let pending = consumer.cached_info().num_pending;
        Ok(Self {
            pending,
            connection: connection.clone(),
            stream,
            last: aggregate_id.is_none().then(|| from.saturating_sub(1)),
            silence: Silence::default(),
            messages: pull_requests::messages(&consumer, BATCH).await?,
            delivered: 0,
        })
    }

    /// Whether no message was waiting when it was created.
    pub(crate) fn began_at_the_end(&self) -> bool {
        self.pending == 0
    }

    /// Waits for the next message.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the consumer is gone, delivers nothing although messages
    /// exist, or a message was lost in transit: this consumer delivers no more, and another has to
    /// continue from its position.
    pub(crate) async fn next(&mut self) -> Result<Message, StoreError> {
        let lost = || StoreError::unavailable("the consumer ended");
        let message = loop {
            let next = tokio::time::timeout(Silence::LOOK_AFTER, self.messages.next());
            if let Ok(next) = next.await {
                break next
                    .ok_or_else(lost)?
                    .map_err(unavailable("reading through a consumer"))?;
            }
            if let Some(last) = self.last {
                let holes = Holes::new(self.connection.clone());
                let end = holes.last_readable(self.stream).await?;
                self.silence.look(end > last)?;
            }
        };
        self.silence = Silence::default();
        self.delivered += 1;
        // The server numbers its deliveries: a gap is what a broken connection lost.
        let info = message
            .info()
            .map_err(unexpected("reading through a consumer"))?;
        if let Some(last) = &mut self.last {
            *last = info.stream_sequence;
        }
        let counted = info.consumer_sequence;
        if counted == self.delivered {
            Ok(message)
        } else {
            Err(StoreError::unavailable(format!(
                "delivery {} was lost on its way",
                self.delivered
            )))
        }
    }
}
