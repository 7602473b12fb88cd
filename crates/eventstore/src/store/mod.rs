//! Commands on aggregates: load, decide, append, and repeat if another writer was faster.

mod cache;
mod cqrs_adapter;
mod loaded;

use cqrs_es::{Aggregate, event_sink::EventSink};
use rand::RngExt;
use std::{borrow::Cow, time::Duration};
use tokio::time::Instant;
use tracing::{Instrument as _, Span};
use uuid::Uuid;

use crate::{
    CommandError, Commit, Metadata, StoreError, StreamName,
    commit::{UnsavedCommit, UnsavedMessage},
    connection::{Appended, Connection},
    meters::StoreMeters,
    read::{History, KnownHistory},
    subject::{Subject, check_id},
    trace,
};
use cache::{AggregateCache, CachedAggregate};
pub use loaded::{CommandOutcome, Loaded};

/// Number of tries of an append before it is given up.
const MAX_TRIES: u32 = 16;
/// Limit for cached aggregates, in bytes: some fifty thousand, if each has few events.
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
    memory: AggregateCache<A>,
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
                self.catch_up(&mut kept).await?;
                self.memory.weigh(id, &slot, kept.context.bytes());
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
        let metadata = within(&span, metadata);
        let executed = self
            .bounded(self.execute_unbounded(id, command, &metadata, hint))
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

    async fn execute_unbounded(
        &self,
        id: &str,
        command: A::Command,
        metadata: &Metadata,
        hint: Expectation,
    ) -> Result<CommandOutcome<A>, CommandError<A::Error>>
    where
        A::Command: Clone,
    {
        let came = Instant::now();
        let slot = self.memory.slot(id);
        // One command per aggregate at a time in this process: concurrent commands on one aggregate
        // queue here instead of making every append but one conflict. Between processes the
        // expectation decides.
        let mut kept = slot.kept.lock().await;
        self.fence(&mut kept).await;
        let found = if kept.is_complete() {
            &self.meters.hits
        } else {
            &self.meters.misses
        };
        found.increment(1);
        if !kept.is_complete() && hint == Expectation::Unknown {
            self.catch_up(&mut kept).await?;
        }
        // The cached state changes only between two awaits, by whole commits: however this future
        // is cancelled, the state remains one that the aggregate once had.
        for tried in 1..=MAX_TRIES {
            let context = &kept.context;
            if let Some(sequence) = context.sequence_of(metadata.command_id) {
                // It is unknown what an unreachable log will contain when it is back.
                if !self.connection.tails().are_proved() {
                    let why = "not connected to NATS, or not for long";
                    return Err(StoreError::unavailable(why).into());
                }
                return Ok(self
                    .first_result(context, sequence, metadata.command_id)
                    .await?);
            }
            let mut decided = context.aggregate.clone();
            let sink = EventSink::default();
            let verdict = decided.handle(command.clone(), &(), &sink).await;
            let events = sink.collect().await;
            if verdict.is_err() || events.is_empty() {
                if kept.is_fresh_at(came) {
                    let executed = kept.context.outcome(false);
                    return verdict.map(|()| executed).map_err(CommandError::Refused);
                }
                self.catch_up(&mut kept).await?;
                self.memory.weigh(id, &slot, kept.context.bytes());
                continue;
            }
            let commit = UnsavedCommit::encode(&events, metadata)?;
            let (commit_id, bytes) = (commit.id, commit.len());
            let message = UnsavedMessage::of_one(A::TYPE, context.version, &commit)?;
            let sent = Instant::now();
            let appended = self
                .connection
                .append(self.subject(id), message, context.basis())
                .await;
            self.meters.append.record(sent.elapsed());
            match appended {
                Ok(Appended::Stored(sequence)) => {
                    let (command, decided) = (metadata.command_id, (decided, events.len()));
                    let place = (sequence, commit_id);
                    kept.context.committed(decided, command, place, bytes);
                    let correlation = &metadata.correlation_id;
                    let tails = self.connection.tails();
                    tails.note(self.stream, sequence, [(0, commit_id, &**correlation)]);
                    // The expectation held when the server stored it.
                    kept.mark_fresh_at(sent);
                    self.memory.weigh(id, &slot, kept.context.bytes());
                    return Ok(kept.context.outcome(false));
                }
                Ok(Appended::Conflict) => {
                    self.meters.conflicts.increment(1);
                    if tried > 1 {
                        let pause = rand::rng().random_range(0..1 << tried.min(6));
                        tokio::time::sleep(Duration::from_millis(pause)).await;
                    }
                }
                // It is unknown whether the append took effect: its acknowledgment may have been
                // lost. The log contains the command's ID if it did.
                Err(error @ StoreError::Unavailable { .. }) => {
                    // In an outage every command fails like this: a metric counts them, and one
                    // line reports the loss of the connection.
                    tracing::debug!(stream = %self.stream, aggregate = id, %error, "append unanswered, looking it up");
                    self.meters.unanswered.increment(1);
                }
                Err(error) => return Err(error.into()),
            }
            self.catch_up(&mut kept).await?;
            self.memory.weigh(id, &slot, kept.context.bytes());
        }
        Err(StoreError::Conflict {
            stream: self.stream,
            aggregate_id: id.to_owned(),
            tries: MAX_TRIES,
        }
        .into())
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
    async fn catch_up(&self, kept: &mut CachedAggregate<A>) -> Result<(), StoreError> {
        let began = Instant::now();
        let id = kept.context.id.clone();
        loop {
            self.fence(kept).await;
            let known = kept.context.known_history();
            let context = &mut kept.context;
            let take = |commit: Commit| {
                self.connection.saw(std::slice::from_ref(&commit));
                context.apply(&commit)
            };
            let history = History::of(&self.connection);
            match history.after(known, self.subject(&id), take).await {
                Ok(end) if end < known.sequence => {
                    tracing::warn!(stream = %self.stream, aggregate = id, "the log is older than what was read before");
                    self.forget(kept);
                }
                Err(error @ StoreError::TailLost { .. }) => {
                    tracing::warn!(stream = %self.stream, aggregate = id, %error, "reading it anew");
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

    /// The aggregate as a command's commit in the message at `sequence` left it.
    async fn first_result(
        &self,
        newest: &Loaded<A>,
        sequence: u64,
        command: Uuid,
    ) -> Result<CommandOutcome<A>, StoreError> {
        if newest.last_command() == Some(command) {
            return Ok(newest.outcome(true));
        }
        let mut context = Loaded::<A>::empty(&newest.id, newest.epoch);
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
fn within<'a>(span: &Span, metadata: &'a Metadata) -> Cow<'a, Metadata> {
    match trace::context_of(span) {
        None => Cow::Borrowed(metadata),
        context => Cow::Owned(Metadata {
            trace_parent: context,
            ..metadata.clone()
        }),
    }
}
