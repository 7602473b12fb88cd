//! What a worker is told: its settings, and what may become of a message.

use std::time::Duration;

use crate::StoreError;

/// How soon a message is delivered again that this release can't read: until another comes.
const LEAVE_TO_ANOTHER: Duration = Duration::from_secs(5);

/// Why a handler did not finish with a message.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HandlerError {
    /// The message itself can't be handled. After some tries it becomes a dead letter.
    #[error("{0}")]
    Poison(String),
    /// Something that the handler needs is away. Tried again until it is back.
    #[error("{0}")]
    Unavailable(String),
    /// It is too early; deliver again after this time. Later messages of the same aggregate may
    /// come first.
    #[error("not before {0:?} from now")]
    RetryAfter(Duration),
}

impl From<StoreError> for HandlerError {
    fn from(error: StoreError) -> Self {
        match error {
            error if error.is_transient() => Self::Unavailable(error.to_string()),
            // A newer one may run beside this one, or soon: let it have the message.
            StoreError::UnsupportedSchema { .. } => Self::RetryAfter(LEAVE_TO_ANOTHER),
            _ => Self::Poison(error.to_string()),
        }
    }
}

/// A subscription's settings.
#[derive(Clone, Copy, Debug)]
pub struct Subscription {
    /// Its durable name, the same in every process that shares the work: `orders-on-payments`.
    pub name: &'static str,
    /// How often a message is tried before it becomes a dead letter.
    pub max_tries: u32,
    /// How many aggregates are worked on side by side.
    pub concurrency: usize,
    /// After how long without a sign of life the server delivers a message again. Short, so that
    /// what a killed process had in hand isn't late; a handler that takes longer is no reason,
    /// since the subscription itself shows its life.
    pub redeliver_after: Duration,
}

impl Subscription {
    /// A subscription with five tries, sixteen aggregates side by side, and redelivery after five
    /// seconds.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            max_tries: 5,
            concurrency: 16,
            redeliver_after: Duration::from_secs(5),
        }
    }
}
