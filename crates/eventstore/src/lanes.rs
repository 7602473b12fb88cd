//! Lanes: one queue an aggregate, so that its messages are handled in order while others pass.

use async_nats::{Subject, jetstream};
use chrono::{DateTime, Utc};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::StreamName;

/// The lanes of one subscription in one process.
pub(crate) struct Lanes {
    state: Mutex<State>,
    permits: Semaphore,
}

#[derive(Default)]
struct State {
    /// A lane is here as long as somebody works on it; its queue holds what waits behind.
    waiting: HashMap<String, VecDeque<Taken>>,
    /// Where to acknowledge what is in hand.
    in_hand: HashMap<(StreamName, u64), Subject>,
}

/// A message, and what the server said about its delivery.
pub(crate) struct Taken {
    /// The stream that it was pulled from.
    pub stream: StreamName,
    /// Its place there.
    pub sequence: u64,
    /// How often it was delivered, this time included.
    pub delivered: i64,
    /// When it was stored.
    pub stored_at: DateTime<Utc>,
    /// Where to acknowledge it.
    pub reply: Subject,
    /// Shared, because its headers are some twenty allocations, and it is handed to every try.
    pub message: Arc<async_nats::Message>,
}

impl Taken {
    /// Reads what the server said; `None` for what is no message of a stream.
    pub(crate) fn new(stream: StreamName, message: jetstream::Message) -> Option<Self> {
        let info = message.info().ok()?;
        let (sequence, delivered, stored_at) =
            (info.stream_sequence, info.delivered, info.published);
        let message = message.message;
        Some(Self {
            stream,
            sequence,
            delivered,
            stored_at,
            reply: message.reply.clone()?,
            message: Arc::new(message),
        })
    }

    fn identity(&self) -> (StreamName, u64) {
        (self.stream, self.sequence)
    }
}

/// What became of an offered message.
pub(crate) enum Offered {
    /// The lane was empty: whoever offered it works on it now.
    FirstOfLane(Box<Taken>),
    /// Somebody works on the lane and will come to it, or has it in hand already.
    Queued,
}

impl Lanes {
    pub(crate) fn new(concurrency: usize) -> Self {
        Self {
            state: Mutex::default(),
            permits: Semaphore::new(concurrency),
        }
    }

    /// Waits for the right to work on one message.
    pub(crate) async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed, so there is always a permit in the end.
        self.permits.acquire().await.ok()
    }

    /// Takes a message into hand. A redelivery of one that is in hand already is dropped: its
    /// acknowledgement counts for both.
    pub(crate) fn offer(&self, key: &str, taken: Taken) -> Offered {
        let mut state = self.lock();
        let known = state.in_hand.insert(taken.identity(), taken.reply.clone());
        if known.is_some() {
            return Offered::Queued;
        }
        if let Some(queue) = state.waiting.get_mut(key) {
            queue.push_back(taken);
            return Offered::Queued;
        }
        state.waiting.insert(key.to_owned(), VecDeque::new());
        Offered::FirstOfLane(Box::new(taken))
    }

    /// Lets go of a message, and takes the next of its lane if there is one.
    pub(crate) fn done(&self, key: &str, taken: &Taken) -> Option<Taken> {
        let mut state = self.lock();
        state.in_hand.remove(&taken.identity());
        let next = state.waiting.get_mut(key)?.pop_front();
        if next.is_none() {
            state.waiting.remove(key);
        }
        next
    }

    /// Where to acknowledge every message in hand.
    pub(crate) fn in_hand(&self) -> Vec<Subject> {
        self.lock().in_hand.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
