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
        .map_err(unavailable)
}
