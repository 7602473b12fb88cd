//! A message that a worker has in hand.

use async_nats::{Subject, jetstream};
use chrono::{DateTime, Utc};
use std::sync::Arc;

use crate::StreamName;

/// A message of a stream, as a handler receives it.
#[derive(Clone)]
pub(crate) struct InboundMessage {
    /// Its stream.
    pub stream: StreamName,
    /// Its sequence there.
    pub sequence: u64,
    /// When it was stored.
    pub stored_at: DateTime<Utc>,
    /// Shared, because its headers are some twenty allocations, and every try receives it.
    pub raw: Arc<async_nats::Message>,
}

impl InboundMessage {
    /// The key that orders it: messages with the same key are handled one after the other.
    pub(crate) fn key(&self) -> &str {
        let subject = &self.raw.subject;
        self.stream.key_of(subject).unwrap_or(subject)
    }
}

/// A message, and the server's metadata on its delivery.
pub(crate) struct Delivery {
    /// What was delivered.
    pub message: InboundMessage,
    /// Number of deliveries, including this one.
    pub delivered: i64,
    /// The subject for its acknowledgment.
    pub reply: Subject,
}

impl Delivery {
    /// Reads the server's metadata; `None` for a message that is in no stream.
    pub(crate) fn new(stream: StreamName, message: jetstream::Message) -> Option<Self> {
        let info = message.info().ok()?;
        let (sequence, delivered, stored_at) =
            (info.stream_sequence, info.delivered, info.published);
        let raw = message.message;
        Some(Self {
            delivered,
            reply: raw.reply.clone()?,
            message: InboundMessage {
                stream,
                sequence,
                stored_at,
                raw: Arc::new(raw),
            },
        })
    }

    /// Its stream and sequence.
    pub(crate) fn position(&self) -> (StreamName, u64) {
        (self.message.stream, self.message.sequence)
    }
}
