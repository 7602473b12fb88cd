//! Requests messages from a consumer, and notices soon when the consumer went down with its server.

use async_nats::jetstream::consumer::{Consumer, pull};
use std::time::Duration;

use crate::{StoreError, error::unavailable};

/// Validity of one request for messages.
const EXPIRES: Duration = Duration::from_secs(4);
/// Interval of the server's heartbeats for an open request. After twice this time without one, the
/// stream of messages ends: nothing else reveals a consumer that went down with one server of a
/// cluster while this process is connected to another. By default the client requests no
/// heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Returns the messages of a consumer, requested in batches. Ends with an error soon after the
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

/// Detects a consumer that delivers nothing although messages exist.
///
/// A consumer can be alive and deliver nothing: for example, its requests are with a server that no
/// longer leads it, and heartbeats continue. So a reader without messages checks whether there are
/// none.
#[derive(Debug, Default)]
pub(crate) struct Silence {
    /// Whether the last check found messages that were not delivered since.
    missed: bool,
}

impl Silence {
    /// Time without a message before each check.
    pub(crate) const LOOK_AFTER: Duration = Duration::from_secs(2);

    /// Notes whether there are messages to deliver.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when there were at the last check, too: after one check, they
    /// may still be in transit.
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
