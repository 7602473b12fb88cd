//! Durable subscriptions: workers that turn messages into commands, at least once.
//!
//! A message is acknowledged after it was handled, so a crash leads to redelivery and handlers
//! must be safe to repeat. In one process, messages of one aggregate are handled one after the
//! other, those of different aggregates side by side. A message that can't be handled is tried
//! again with growing pauses and then set aside as a dead letter; only its own aggregate waits
//! meanwhile. An outage of something that the handler needs is no fault of the message: it is
//! waited for without end, and where many messages wait, out of the way of all others.

use async_nats::HeaderMap;
use std::{future::Future, sync::Arc, time::Duration};

use crate::{
    DueCommand, Log, Recorded, StoreError, StreamName,
    handling::Letter,
    lookup,
    meters::{schedule_lag, seconds_since},
    streams::COMMANDS,
    worker::{self, Source, Worker},
};

/// How soon a message is delivered again that this release can't read: until another comes.
const LEAVE_TO_ANOTHER: Duration = Duration::from_secs(5);

/// Why a handler did not finish with a message.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReactError {
    /// The message itself can't be handled. After some tries it becomes a dead letter.
    #[error("{0}")]
    Poison(String),
    /// Something that the handler needs is away. Tried again until it is back.
    #[error("{0}")]
    Unavailable(String),
    /// It is too early; deliver again after this time. Later messages of the same aggregate may
    /// come first.
    #[error("not before {0:?} from now")]
    NotYet(Duration),
}

impl From<StoreError> for ReactError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Contended { .. } => {
                Self::Unavailable(error.to_string())
            }
            // A newer one may run beside this one, or soon: let it have the message.
            StoreError::OfAnotherRelease { .. } => Self::NotYet(LEAVE_TO_ANOTHER),
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

impl Log {
    /// Handles every commit of a stream, from its beginning, under a durable name.
    ///
    /// Commits are handed out at least once, and in order for each aggregate as long as nothing
    /// fails and one process works; see [the guarantees](crate#what-is-guaranteed). A commit that
    /// can't be read is [`ReactError::Poison`].
    pub fn react_to_commits<F, Fut>(
        &self,
        stream: StreamName,
        subscription: Subscription,
        handler: F,
    ) -> Worker
    where
        F: Fn(Recorded) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), ReactError>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let source = Source::new(stream, ">");
        worker::start(self, source, subscription, move |log, letter| {
            let handler = handler.clone();
            async move {
                let message = &letter.message;
                appended(&letter)?;
                let commit = Recorded::from_parts(
                    letter.stream,
                    letter.sequence,
                    &message.subject,
                    message.headers.as_ref().unwrap_or(&HeaderMap::new()),
                    message.payload.clone(),
                    letter.stored_at,
                    &log.config().upcasters,
                )?;
                log.saw(&commit);
                handler(commit).await
            }
        })
    }

    /// Handles every command of a kind when it falls due. See [`Log::schedule`].
    pub fn react_to_due<F, Fut>(
        &self,
        kind: &'static str,
        subscription: Subscription,
        handler: F,
    ) -> Worker
    where
        F: Fn(DueCommand) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), ReactError>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let source = Source::new(COMMANDS, &format!("due.{kind}.*"));
        let lag = schedule_lag(kind);
        worker::start(self, source, subscription, move |_, letter| {
            let (handler, lag) = (handler.clone(), lag.clone());
            async move {
                appended(&letter)?;
                let due = DueCommand::parse(letter.sequence, &letter.message.payload)?;
                let at = due.at;
                let span = tracing::Span::current();
                span.record("request_id", &due.correlation_id);
                if trace::is_on() {
                    // Minutes later: a trace of its own, which points to the one that led to it.
                    trace::link(&span, due.trace_parent.as_deref());
                }
                handler(due).await?;
                lag.record(seconds_since(at));
                Ok(())
            }
        })
    }
}

/// A message that nobody appended gives no orders.
fn appended(letter: &Letter) -> Result<(), StoreError> {
    let headers = letter.message.headers.as_ref();
    if headers.is_some_and(lookup::is_an_answer) {
        return Err(lookup::forged(letter.stream, letter.sequence));
    }
    Ok(())
}
