//! Asking a consumer for messages, and noticing soon that it went down with its server.

use async_nats::jetstream::consumer::{Consumer, pull};
use std::time::Duration;

use crate::{StoreError, error::unavailable};

/// How long one request for messages is good for.
const EXPIRES: Duration = Duration::from_secs(4);
/// How often the server shows that it still keeps the request. After twice this time without a sign
/// the stream of messages ends: a consumer that went down with one server of a cluster, while the
/// connection is to another, shows by nothing else. The client's own choice is never to ask for it.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// The messages of a consumer, asked for so many at a time. Ends with an error soon after the
/// consumer is gone.
pub(crate) async fn messages(
    consumer: &Consumer<pull::Config>,
    batch: usize,
) -> Result<pull::Stream, StoreError> {
    consumer
        .stream()
        .max_messages_per_batch(batch)
        .expires(EXPIRES)
        .heartbeat(HEARTBEAT)
        .messages()
        .await
        .map_err(unavailable("asking a consumer for messages"))
}

/// How long nothing came although there is something.
///
/// A consumer can live and give nothing: its requests are with a server that doesn't lead it any
/// more, say, and heartbeats go on. So who hears nothing looks whether there is nothing.
#[derive(Debug, Default)]
pub(crate) struct Silence {
    /// Whether the last look found something that didn't come since.
    missed: bool,
}

impl Silence {
    /// After how long without a message to look, and to look again.
    pub(crate) const LOOK_AFTER: Duration = Duration::from_secs(2);

    /// Notes whether there is something to be given.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when there was at the last look, too: once, it may be on its way.
    pub(crate) fn look(&mut self, there_is_something: bool) -> Result<(), StoreError> {
        if there_is_something && self.missed {
            return Err(StoreError::unavailable(
                "the consumer lives and gives nothing",
            ));
        }
        self.missed = there_is_something;
        Ok(())
    }
}
