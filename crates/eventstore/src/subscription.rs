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
    Commit, DueCommand, Log, StoreError, StreamName,
    delivery::InboundMessage,
    meters::{schedule_lag, seconds_since},
    read_message,
    streams::COMMANDS,
    worker::{self, Source, Worker},
};

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
            StoreError::Unavailable(_) | StoreError::Conflict { .. } => {
                Self::Unavailable(error.to_string())
            }
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

impl Log {
    /// Handles every commit of a stream, from its beginning, under a durable name.
    ///
    /// Commits are handed out at least once, and in order for each aggregate as long as nothing
    /// fails and one process works; see [the guarantees](crate#what-is-guaranteed). A commit that
    /// can't be read is [`HandlerError::Poison`].
    pub fn on_commit<F, Fut>(
        &self,
        stream: StreamName,
        subscription: Subscription,
        handler: F,
    ) -> Worker
    where
        F: Fn(Commit) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let source = Source::new(stream, ">");
        worker::start(self, source, subscription, move |log, inbound| {
            let handler = handler.clone();
            async move {
                let raw = &inbound.raw;
                appended(&inbound)?;
                let commit = Commit::from_parts(
                    inbound.stream,
                    inbound.sequence,
                    &raw.subject,
                    raw.headers.as_ref().unwrap_or(&HeaderMap::new()),
                    raw.payload.clone(),
                    inbound.stored_at,
                    &log.config().upcasters,
                )?;
                log.saw(&commit);
                handler(commit).await
            }
        })
    }

    /// Handles every command of a kind when it falls due. See [`Log::schedule`].
    pub fn on_due<F, Fut>(
        &self,
        kind: &'static str,
        subscription: Subscription,
        handler: F,
    ) -> Worker
    where
        F: Fn(DueCommand) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let source = Source::new(COMMANDS, &format!("due.{kind}.*"));
        let lag = schedule_lag(kind);
        worker::start(self, source, subscription, move |_, inbound| {
            let (handler, lag) = (handler.clone(), lag.clone());
            async move {
                appended(&inbound)?;
                let due = DueCommand::parse(inbound.sequence, &inbound.raw.payload)?;
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
fn appended(message: &InboundMessage) -> Result<(), StoreError> {
    let headers = message.raw.headers.as_ref();
    if headers.is_some_and(read_message::is_an_answer) {
        return Err(read_message::forged(message.stream, message.sequence));
    }
    Ok(())
}
