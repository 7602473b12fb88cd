//! Starts workers, and lists the active ones.

use async_nats::HeaderMap;
use std::{future::Future, sync::Arc};

use super::{
    delivery::InboundMessage,
    running::{Source, Worker, start},
    subscription::{HandlerError, Subscription},
};
use crate::{
    Commit, DueCommand, StoreError, StreamName,
    admin::active_consumers,
    connection::Connection,
    meters::{schedule_lag, seconds_since},
    server_answer::{forged, is_server_answer},
    stream_name::COMMANDS,
    trace,
};

/// Starts workers, which turn messages into commands. Obtained from
/// [`Log::workers`](crate::Log::workers).
#[derive(Clone, Debug)]
pub struct Workers {
    connection: Connection,
}

impl Workers {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Handles every commit of a stream, from its beginning, under a durable name.
    ///
    /// Each commit is delivered at least once, and in order per aggregate as long as nothing fails
    /// and one process works; see [the guarantees](crate#what-is-guaranteed). A commit that can't
    /// be read is [`HandlerError::Poison`].
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
        let source = Source::new(self.connection.at(stream), ">");
        let connection = self.connection.clone();
        start(&self.connection, source, subscription, move |inbound| {
            let (handler, connection) = (handler.clone(), connection.clone());
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
                    &connection.config().upcasters,
                )?;
                connection.saw(&commit);
                handler(commit).await
            }
        })
    }

    /// Handles every command of a kind when it falls due. See
    /// [`Scheduler::schedule`](crate::Scheduler::schedule).
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
        let source = Source::new(self.connection.at(COMMANDS), &format!("due.{kind}.*"));
        let lag = schedule_lag(kind);
        start(&self.connection, source, subscription, move |inbound| {
            let (handler, lag) = (handler.clone(), lag.clone());
            async move {
                appended(&inbound)?;
                let due = DueCommand::parse(inbound.sequence, &inbound.raw.payload)?;
                let at = due.at;
                let span = tracing::Span::current();
                span.record("request_id", &due.correlation_id);
                if trace::is_on() {
                    // Minutes later: a separate trace, which links to the one that led to it.
                    trace::link(&span, due.trace_parent.as_deref());
                }
                handler(due).await?;
                lag.record(seconds_since(at));
                Ok(())
            }
        })
    }

    /// The names of the workers that are active now, in any process.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn active(&self) -> Result<Vec<String>, StoreError> {
        active_consumers(&self.connection).await
    }
}

/// A message that no client appended triggers nothing.
fn appended(message: &InboundMessage) -> Result<(), StoreError> {
    let headers = message.raw.headers.as_ref();
    if headers.is_some_and(is_server_answer) {
        return Err(forged(message.stream, message.sequence));
    }
    Ok(())
}
