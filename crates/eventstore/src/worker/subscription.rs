//! The settings of a worker, and the possible errors of its handler.

use std::time::Duration;

use crate::StoreError;

/// When to redeliver a message that this release can't read, until another release takes it.
const LEAVE_TO_ANOTHER: Duration = Duration::from_secs(5);

/// Why a handler did not complete a message.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HandlerError {
    /// The message itself can't be handled. After several tries it becomes a dead letter.
    #[error("{0}")]
    Poison(String),
    /// A dependency of the handler is down. Retried until it is back.
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
            // A newer release may be running in parallel, or soon: leave the message to it.
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
    /// Number of tries before a message becomes a dead letter.
    pub max_tries: u32,
    /// Number of aggregates that are handled in parallel.
    pub concurrency: usize,
    /// Time without a sign of life after which the server delivers a message again. Short, so that
    /// the messages of a killed process aren't late; a slow handler needs no longer time, since the
    /// subscription extends the deadline itself.
    pub redeliver_after: Duration,
}

impl Subscription {
    /// A subscription with five tries, sixteen aggregates in parallel, and redelivery after five
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
