//! A consumer of a reader's own, for a moment.

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

/// How many messages one request to the server asks for. Enough to keep a reader that folds in
/// memory busy while the next ones travel.
const BATCH: usize = 2_000;
/// After how long without a request the server puts the consumer away. Nobody else does: a right to
/// delete consumers would be one to delete those of others.
const KEPT: Duration = Duration::from_secs(30);

/// Messages of a stream, in order and each of them, until the consumer is lost.
///
/// The client has an ordered consumer that makes itself anew, and isn't used: when the server that
/// holds it is killed, it asks with the client's own patience for what can't be answered until the
/// cluster has elected somebody, and readers stood still for up to half a minute. With this one each
/// attempt is as short as an answer to a command, and its user makes the next one at once.
///
/// It has no name: so it needs the right to make consumers that are nobody else's, and not the one
/// to change a durable.
pub(crate) struct EphemeralConsumer {
    connection: Connection,
    stream: StreamName,
    messages: pull::Stream,
    /// The sequence of the last message that it has to have given; `None` where it reads one
    /// aggregate, whose end a stream doesn't tell.
    last: Option<u64>,
    silence: Silence,
    /// How many messages it delivered.
    delivered: u64,
    /// How many there were for it when it was made.
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
                // In the memory of one server: what is lost with it costs one request.
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

    /// Whether there was nothing for it when it was made.
    pub(crate) fn began_at_the_end(&self) -> bool {
        self.pending == 0
    }

    /// The next message, when there is one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the consumer is gone, gives nothing although there is
    /// something, or a message was lost on its way: nothing comes of it any more, and another has
    /// to go on where this one was.
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
        // The server counts what it delivers: a hole is what a broken connection swallowed.
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
