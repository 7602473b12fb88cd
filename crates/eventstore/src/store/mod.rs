//! Commands on aggregates: load, decide, append, and again if somebody was faster.

mod cache;
mod cqrs_adapter;
mod loaded;

use cqrs_es::{Aggregate, event_sink::EventSink};
use rand::RngExt;
use std::{borrow::Cow, time::Duration};
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use crate::{
    CommandError, Commit, Metadata, StoreError, StreamName,
    commit::UnsavedCommit,
    connection::{Appended, Connection},
    meters::StoreMeters,
    read::{History, KnownHistory},
    subject::{Subject, check_id},
    trace,
};
use cache::{AggregateCache, CachedAggregate};
pub use loaded::{CommandOutcome, Loaded};

/// How often an append is tried before the race is given up.
const MAX_TRIES: u32 = 16;
/// What the aggregates that are kept in memory may weigh, in bytes: some fifty thousand, if each
/// has a handful of events.
const CACHE_BYTES: u64 = 64 << 20;

/// Whether the caller knows something about the aggregate that saves a look at the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// Nothing is known.
    Unknown,
    /// It most likely doesn't exist yet (its id was made just now). If it does, the append
    /// conflicts and the log is read after all.
    LikelyNew,
}

/// The aggregates of one type, in one stream. Clones share the cache.
///
/// Aggregates are kept in memory, which optimistic concurrency makes safe: an append states the
/// sequence that it builds on, so a decision on an old state is never stored. A *refusal* stores
/// nothing that could be checked, so it is only given on a state that is as new as the command: a
/// read that began after the command had come, or an append that was sent after it. A crowd shares
/// such a read: whoever came before it began needs none of their own.
///
/// # When the log loses its tail
///
/// After a power cut a log may come back without the commits that it acknowledged last, and then a
/// sequence says little: another commit may stand there. So each connection begins with a look
/// whether the newest commits that this process has seen are still what they were. Nothing is
/// appended before that is known, and what is kept in memory is forgotten if they aren't. What is
/// read after a place that is known begins with a look whether *that* still stands, too.
///
/// What remains is an append that is on its way at that very moment. NATS compares a number and
/// nothing else, so one that was written to a connection, was not yet taken when the server went
/// down, and is sent again by the client to the server that came back, is stored if the subject's
/// last sequence happens to be the same again. The same holds for a server of a cluster that loses
/// its tail while this process stays connected to another, for as long as it takes until somebody
/// looks (5 s). `sync_interval: always` **and** three copies leave neither.
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

    /// The aggregate as the newest commit leaves it; empty (version 0) if it doesn't exist.
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

    /// Decides a command and appends what follows, until it is stored, refused or given up.
    ///
    /// The command takes effect at most once, whatever is lost on the way: its id is stored with
    /// the commit, and one that is found there is answered with its first result.
    ///
    /// # Errors
    /// [`CommandError::Refused`] with the domain's refusal; nothing was stored.
    /// [`CommandError::Failed`] when the log can't be reached (the outcome is then unknown, and
    /// repeating the command with the same id is safe), others kept winning, or the commit can't be
    /// stored; [what may be assumed](crate#what-may-be-assumed-after-an-error) says which is which.
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

    /// The span of a command, in the trace of the current one.
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
        // One command an aggregate at a time in this process: a crowd on one aggregate queues here
        // instead of making every append but one conflict. Between processes the expectation decides.
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
        // What is kept is only changed between two awaits, by whole commits: whatever cancels this
        // future leaves behind a state that was the aggregate's once.
        for tried in 1..=MAX_TRIES {
            let context = &kept.context;
            if let Some(sequence) = context.sequence_of(metadata.command_id) {
                // What a log that is away will hold when it is back, nobody knows.
                if !self.connection.tails().are_proved() {
                    let why = "not connected to NATS, or not for long";
                    return Err(StoreError::unavailable(why).into());
                }
                return Ok(self.first_result(context, sequence).await?);
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
            let commit = UnsavedCommit::encode(A::TYPE, context.version, &events, metadata)?;
            let (commit_id, bytes) = (commit.id, commit.payload.len());
            let sent = Instant::now();
            let appended = self
                .connection
                .append(self.subject(id), commit, context.basis())
                .await;
            self.meters.append.record(sent.elapsed());
            match appended {
                Ok(Appended::Stored(sequence)) => {
                    let (command, decided) = (metadata.command_id, (decided, events.len()));
                    let place = (sequence, commit_id);
                    kept.context.committed(decided, command, place, bytes);
                    let correlation = &metadata.correlation_id;
                    let tails = self.connection.tails();
                    tails.note(self.stream, sequence, commit_id, correlation);
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
                // Whether the append took effect isn't known: its acknowledgement may be what was
                // lost. The log knows; the command's id is in the commit.
                Err(error @ StoreError::Unavailable { .. }) => {
                    // In an outage that is every command: they are counted, and the loss of the
                    // connection has its line.
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

    /// Brings what is kept of an aggregate to the newest commit. What was read before an
    /// interruption stays, and the next one goes on from there.
    async fn catch_up(&self, kept: &mut CachedAggregate<A>) -> Result<(), StoreError> {
        let began = Instant::now();
        let id = kept.context.id.clone();
        loop {
            self.fence(kept).await;
            let known = kept.context.known_history();
            let context = &mut kept.context;
            let take = |commit: Commit| {
                self.connection.saw(&commit);
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

    /// Waits until it is known that the log still holds what was seen of it, and forgets what is
    /// kept if it doesn't. Without a connection there is nothing to wait for: appends fail at once.
    async fn fence(&self, kept: &mut CachedAggregate<A>) {
        if self.connection.is_connected() {
            self.connection.tails().proved().await;
        }
        kept.enter(self.connection.tails().epoch(self.stream));
    }

    /// Forgets what is kept of an aggregate, because the log holds something else.
    fn forget(&self, kept: &mut CachedAggregate<A>) {
        *kept = CachedAggregate::empty(&kept.context.id, kept.context.epoch);
        self.connection.tails().doubt();
    }

    /// The aggregate as the commit at `sequence` left it.
    async fn first_result(
        &self,
        newest: &Loaded<A>,
        sequence: u64,
    ) -> Result<CommandOutcome<A>, StoreError> {
        if newest.last_sequence == sequence {
            return Ok(newest.outcome(true));
        }
        let mut context = Loaded::<A>::empty(&newest.id, newest.epoch);
        let take = |commit: Commit| context.apply(&commit);
        let history = History::of(&self.connection);
        history.up_to(self.stream, sequence, take).await?;
        Ok(context.outcome(true))
    }

    /// Every commit of an aggregate, oldest first.
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

/// The same metadata, but for the trace context: what follows from the commit is a child of its
/// span.
fn within<'a>(span: &Span, metadata: &'a Metadata) -> Cow<'a, Metadata> {
    match trace::context_of(span) {
        None => Cow::Borrowed(metadata),
        context => Cow::Owned(Metadata {
            trace_parent: context,
            ..metadata.clone()
        }),
    }
}
