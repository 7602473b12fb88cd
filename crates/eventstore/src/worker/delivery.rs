//! A message that a worker has in hand.

use async_nats::{Subject, jetstream};
use chrono::{DateTime, Utc};
use std::sync::Arc;

use crate::StreamName;

/// A message of a stream, as a handler gets it.
#[derive(Clone)]
pub(crate) struct InboundMessage {
    /// The stream that it is in.
    pub stream: StreamName,
    /// Its place there.
    pub sequence: u64,
    /// When it was stored.
    pub stored_at: DateTime<Utc>,
    /// Shared, because its headers are some twenty allocations, and it is handed to every try.
    pub raw: Arc<async_nats::Message>,
}

impl InboundMessage {
    /// What orders it: messages with the same key are handled one after the other.
    pub(crate) fn key(&self) -> &str {
        let subject = &self.raw.subject;
        self.stream.key_of(subject).unwrap_or(subject)
    }
}

/// A message, and what the server stated about its delivery.
pub(crate) struct Delivery {
    /// What was delivered.
    pub message: InboundMessage,
    /// How often it was delivered, this time included.
    pub delivered: i64,
    /// Where to acknowledge it.
    pub reply: Subject,
}

impl Delivery {
    /// Reads what the server stated; `None` for what is no message of a stream.
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

    /// Where it is: the stream and its place there.
    pub(crate) fn position(&self) -> (StreamName, u64) {
        (self.message.stream, self.message.sequence)
    }
}
