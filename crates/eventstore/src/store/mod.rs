//! Commands on aggregates: load, decide, append, and repeat if another writer was faster.

mod cache;
mod cqrs_adapter;
mod group;
mod loaded;
mod queue;

use cqrs_es::Aggregate;
use std::panic::resume_unwind;
use tokio::time::Instant;
use tracing::{Instrument as _, Span};
use uuid::Uuid;

use crate::{
    CommandError, Commit, Metadata, StoreError, StreamName,
    connection::Connection,
    meters::StoreMeters,
    read::{History, KnownHistory},
    subject::{Subject, check_id},
    trace,
};
use cache::{AggregateCache, CachedAggregate};
use group::{Answer, FirstResults, Waiting};
pub use loaded::{CommandOutcome, Loaded};

/// Limit for cached aggregates, in bytes: some fifty thousand, if each is small.
const CACHE_BYTES: u64 = 64 << 20;

/// Knowledge of the caller about the aggregate that saves a read of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// Nothing is known.
    Unknown,
    /// It most likely doesn't exist yet (its ID was just created). If it does, the append conflicts
    /// and the log is read after all.
    LikelyNew,
}

/// The aggregates of one type, in one stream. Clones share the cache.
///
/// Aggregates are cached, which optimistic concurrency makes safe: an append states the sequence
/// that it builds on, so a decision on an old state is never stored. A *refusal* stores nothing
/// that could be checked, so it is only given on a state that is as new as the command: a read that
/// began after the command arrived, or an append that was sent after it. Concurrent commands share
/// such a read: those that arrived before it began need none of their own.
///
/// # When the log loses its tail
///
/// After a power cut a log may come back without the commits that it acknowledged last, and then a
/// sequence proves little: another commit may have it. So each connection begins with a check that
/// the newest commits that this process has seen are unchanged. Nothing is appended before that is
/// known, and cached state is dropped if they aren't. A read after a known place begins with a
/// check that the commit *there* still exists, too.
///
/// One case remains: an append that is in transit at that very moment. NATS compares a number and
/// nothing else, so an append that was written to a connection, was not yet stored when the server
/// went down, and is sent again by the client to the server that came back, is stored if the
/// subject's last sequence happens to be the same again. The same holds for a server of a cluster
/// that loses its tail while this process stays connected to another, until the next check (5 s).
/// `sync_interval: always` **and** three copies rule out both.
pub struct Store<A: Aggregate> {
    connection: Connection,
    stream: StreamName,
    memory: AggregateCache<A, Waiting<A>>,
    meters: StoreMeters,
}

impl<A: Aggregate> Clone for Store<A> {
    fn clone(&self) -> Self {
        Self {
            connection: self.connection.clone(),
            stream: self.stream,
            memory: self.memory.clone(),
            meters: self.meters.clone(),
        }
    }
}

impl<A> Store<A>
where
    A: Aggregate<Services = ()> + Clone + 'static,
    A::Command: Send,
    A::Error: Send,
{
    pub(crate) fn new(connection: Connection, stream: StreamName) -> Self {
        Self {
            connection,
            stream,
            memory: AggregateCache::new(CACHE_BYTES),
            meters: StoreMeters::new(stream.as_str()),
        }
    }

    /// The stream.
    pub fn stream(&self) -> StreamName {
        self.stream
    }

    /// Loads the aggregate as the newest commit leaves it; empty (version 0) if it doesn't exist.
    ///
    /// # Errors
    /// When the log can't be reached or can't be read.
    pub async fn load(&self, id: &str) -> Result<Loaded<A>, StoreError> {
        check_id(id)?;
        let came = Instant::now();
        self.bounded(async {
            let slot = self.memory.slot(id);
            let mut kept = slot.kept.lock().await;
            self.fence(&mut kept).await;
            if !kept.is_fresh_at(came) {
                self.catch_up(&mut kept, &mut FirstResults::unwanted())
                    .await?;
                self.memory.weigh(id, &slot, kept.size());
            }
            Ok(kept.context.clone())
        })
        .await
    }

    /// Decides a command and appends the resulting events, until they are stored, refused or given
    /// up.
    ///
    /// The command takes effect at most once, even if messages are lost: its ID is stored with the
    /// commit, and a command whose ID is found there returns its first result.
    ///
    /// # Errors
    /// [`CommandError::Refused`] with the domain's refusal; nothing was stored.
    /// [`CommandError::Failed`] when the log can't be reached (the outcome is then unknown, and
    /// repeating the command with the same ID is safe), other writers were faster every time, or
    /// the commit can't be stored; [the table of errors](crate#what-may-be-assumed-after-an-error)
    /// says which is which.
    pub async fn execute(
        &self,
        id: &str,
        command: A::Command,
        metadata: &Metadata,
        hint: Expectation,
    ) -> Result<CommandOutcome<A>, CommandError<A::Error>>
    where
        A::Command: Clone,
    {
        check_id(id)?;
        let began = Instant::now();
        let span = self.span_of_command(id, metadata);
        let command = (command, within(&span, metadata));
        let executed = self
            .bounded(self.execute_unbounded(id, command, hint, span.clone()))
            .instrument(span.clone())
            .await;
        if let Err(CommandError::Failed(failure)) = &executed {
            trace::failed(&span, failure.to_string());
        }
        self.meters.command.record(began.elapsed());
        executed
    }

    /// The span of a command, in the current trace.
    fn span_of_command(&self, id: &str, metadata: &Metadata) -> Span {
        if !trace::is_on() {
            return Span::none();
        }
        let stream = self.stream.as_str();
        let span = tracing::info_span!(
            target: trace::TARGET,
            "commit",
            otel.name = format!("commit {stream}"),
            otel.kind = "producer",
            stream,
            aggregate = id,
        );
        if trace::context_of(&Span::current()).is_none() {
            trace::continue_from(&span, metadata.trace_parent.as_deref());
        }
        span
    }

    /// Waits for the aggregate with others, and for the result.
    async fn execute_unbounded(
        &self,
        id: &str,
        command: (A::Command, Metadata),
        hint: Expectation,
        span: Span,
    ) -> Result<CommandOutcome<A>, CommandError<A::Error>>
    where
        A::Command: Clone,
    {
        let command_id = command.1.command_id;
        let slot = self.memory.slot(id);
        let (waiting, answered) = Waiting::new(command, hint, span);
        if slot.queue.push(waiting) {
            tokio::spawn(self.clone().work(id.to_owned(), slot));
        }
        match answered.await {
            Ok(Answer::Done(result)) => result,
            Ok(Answer::TookEffect { sequence, epoch }) => {
                Ok(self.first_result(id, (sequence, epoch), command_id).await?)
            }
            Ok(Answer::Panicked(panic)) => resume_unwind(panic),
            Err(_) => Err(StoreError::unavailable("the command was interrupted").into()),
        }
    }

    async fn bounded<T, E: From<StoreError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let bound = self.connection.config().command_timeout;
        tokio::time::timeout(bound, work).await.unwrap_or_else(|_| {
            Err(StoreError::unavailable(format!("no answer from NATS within {bound:?}")).into())
        })
    }

    /// Brings a cached aggregate to its newest commit. An interrupted read keeps what it has read,
    /// and the next one continues from there.
    async fn catch_up(
        &self,
        kept: &mut CachedAggregate<A>,
        first_results: &mut FirstResults<A>,
    ) -> Result<(), StoreError> {
        let began = Instant::now();
        let id = kept.context.id.clone();
        loop {
            self.fence(kept).await;
            let known = kept.context.known_history();
            let reached = &mut *kept;
            let take = |commit: Commit| {
                self.connection.saw(std::slice::from_ref(&commit));
                reached.apply(&commit)?;
                first_results.note(&commit, &reached.context);
                Ok(())
            };
            let history = History::of(&self.connection);
            match history.after(known, self.subject(&id), take).await {
                Ok(end) if end < known.sequence => {
                    tracing::warn!(stream = %self.stream, aggregate = id, "the log is older than what was read before");
                    first_results.forget();
                    self.forget(kept);
                }
                Err(error @ StoreError::TailLost { .. }) => {
                    tracing::warn!(stream = %self.stream, aggregate = id, %error, "reading it anew");
                    first_results.forget();
                    self.forget(kept);
                }
                Ok(_) => break,
                Err(error @ StoreError::Unavailable { .. }) => return Err(error),
                Err(error) => {
                    // The log can't be read.
                    self.forget(kept);
                    return Err(error);
                }
            }
        }
        kept.mark_fresh_at(began);
        Ok(())
    }

    /// Waits until the log is proved to still hold what was seen of it, and drops cached state if
    /// it doesn't. Without a connection there is nothing to wait for: appends fail at once.
    async fn fence(&self, kept: &mut CachedAggregate<A>) {
        if self.connection.is_connected() {
            self.connection.tails().proved().await;
        }
        kept.enter(self.connection.tails().epoch(self.stream));
    }

    /// Drops the cached state of an aggregate, because the log differs from it.
    fn forget(&self, kept: &mut CachedAggregate<A>) {
        *kept = CachedAggregate::empty(&kept.context.id, kept.context.epoch);
        self.connection.tails().doubt();
    }

    /// The aggregate as a command's commit in the message at a sequence left it.
    async fn first_result(
        &self,
        id: &str,
        (sequence, epoch): (u64, u64),
        command: Uuid,
    ) -> Result<CommandOutcome<A>, StoreError> {
        let mut context = Loaded::<A>::empty(id, epoch);
        let take = |commit: Commit| {
            // Commits behind it in its message are later.
            if context.last_command() == Some(command) {
                return Ok(());
            }
            context.apply(&commit)
        };
        let history = History::of(&self.connection);
        history.up_to(self.stream, sequence, take).await?;
        Ok(context.outcome(true))
    }

    /// Returns every commit of an aggregate, oldest first.
    ///
    /// # Errors
    /// When the log can't be reached or can't be read.
    pub async fn commits(&self, id: &str) -> Result<Vec<Commit>, StoreError> {
        check_id(id)?;
        self.bounded(async {
            let mut commits = Vec::new();
            let take = |commit| {
                commits.push(commit);
                Ok(())
            };
            let history = History::of(&self.connection);
            history
                .after(KnownHistory::default(), self.subject(id), take)
                .await?;
            Ok(commits)
        })
        .await
    }

    fn subject<'a>(&self, id: &'a str) -> Subject<'a> {
        Subject {
            stream: self.stream,
            key: id,
        }
    }
}

/// The same metadata except for the trace context: what the commit causes is a child of its span.
fn within(span: &Span, metadata: &Metadata) -> Metadata {
    let mut metadata = metadata.clone();
    if let Some(context) = trace::context_of(span) {
        metadata.trace_parent = Some(context);
    }
    metadata
}
