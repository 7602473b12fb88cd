//! Lanes: one queue an aggregate, so that its messages are handled in order while others pass.

use async_nats::jetstream::Message;
use bytes::Bytes;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
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
    in_hand: HashMap<(StreamName, u64), Message>,
}

/// A message and the stream that it was pulled from.
#[derive(Clone)]
pub(crate) struct Taken {
    pub stream: StreamName,
    pub message: Message,
}

impl Taken {
    fn identity(&self) -> Option<(StreamName, u64)> {
        Some((self.stream, self.message.info().ok()?.stream_sequence))
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
        let Some(identity) = taken.identity() else {
            return Offered::Queued;
        };
        let mut state = self.lock();
        if state
            .in_hand
            .insert(identity, what_acknowledges(&taken.message))
            .is_some()
        {
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
        if let Some(identity) = taken.identity() {
            state.in_hand.remove(&identity);
        }
        let next = state.waiting.get_mut(key)?.pop_front();
        if next.is_none() {
            state.waiting.remove(key);
        }
        next
    }

    /// Every message in hand, less its content.
    pub(crate) fn in_hand(&self) -> Vec<Message> {
        self.lock().in_hand.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part of a message that its acknowledgment needs. Its headers are some twenty allocations,
/// which would be made and freed for each message in hand.
fn what_acknowledges(message: &Message) -> Message {
    Message {
        message: async_nats::Message {
            subject: message.subject.clone(),
            reply: message.reply.clone(),
            payload: Bytes::new(),
            headers: None,
            status: None,
            description: None,
            length: 0,
        },
        context: message.context.clone(),
    }
}
