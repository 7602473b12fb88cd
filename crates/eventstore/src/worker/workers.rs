//! Starts workers, and lists the active ones.

use std::{future::Future, sync::Arc};
use tracing::{Instrument as _, Span};

use super::{
    delivery::InboundMessage,
    processor::span_of_reaction,
    running::{Source, Worker, start},
    subscription::{HandlerError, Subscription},
};
use crate::{
    Commit, DueCommand, StoreError, StreamName,
    admin::active_consumers,
    commit::{FoundMessage, Origin, commits_of},
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
    /// and one process works; see [the guarantees](crate#what-is-guaranteed). Commits that were
    /// stored together are one message: if the handler fails for one of them, all of them are
    /// handled again. A commit that can't be read is [`HandlerError::Poison`].
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
        let (handler, name) = (Arc::new(handler), subscription.name);
        let source = Source::new(self.connection.at(stream), ">");
        let connection = self.connection.clone();
        start(&self.connection, source, subscription, move |inbound| {
            let (handler, connection) = (handler.clone(), connection.clone());
            async move {
                let raw = &inbound.raw;
                appended(&inbound)?;
                let found = FoundMessage {
                    stream: inbound.stream,
                    sequence: inbound.sequence,
                    subject: &raw.subject,
                    headers: raw.headers.as_ref(),
                    payload: &raw.payload,
                    stored_at: inbound.stored_at,
                };
                let commits = commits_of(found, &connection.config().upcasters)?;
                connection.saw(&commits);
                let shared = commits.len() > 1;
                for commit in commits {
                    // The message's own span is part of no trace if its commits are of several.
                    let span = if shared {
                        let origin = Origin::of(&commit);
                        span_of_reaction(name, commit.stream, &origin)
                    } else {
                        Span::current()
                    };
                    handler(commit).instrument(span).await?;
                }
                Ok(())
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
                let span = Span::current();
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
