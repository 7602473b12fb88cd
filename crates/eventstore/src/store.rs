//! Commands on aggregates: load, decide, append, and again if somebody was faster.

use cqrs_es::{Aggregate, event_sink::EventSink};
use moka::sync::Cache;
use rand::RngExt;
use std::{sync::Arc, time::Duration};
use tokio::{sync::Mutex, time::Instant};

use crate::{
    CommandError, Context, Executed, Log, Metadata, Recorded, StoreError, StreamName,
    append::Appended, commit::NewCommit, streams::valid_id,
};

/// How often an append is tried before the race is given up.
const MAX_TRIES: u32 = 16;
/// How many aggregates are kept in memory.
const CACHED_AGGREGATES: u64 = 100_000;

/// Whether the caller knows something about the aggregate that saves a look at the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Nothing is known.
    None,
    /// It most likely doesn't exist yet (its id was made just now). If it does, the append
    /// conflicts and the log is read after all.
    New,
}

/// The aggregates of one type, in one stream. Clones share the cache.
///
/// Aggregates are kept in memory, which optimistic concurrency makes safe: an append states the
/// sequence that it builds on, so a decision on an old state is never stored. A *refusal* stores
/// nothing that could be checked, so it is only given after the newest state was read.
pub struct Store<A: Aggregate> {
    log: Log,
    stream: StreamName,
    cache: Cache<String, Arc<Mutex<Option<Context<A>>>>>,
}

impl<A: Aggregate> Clone for Store<A> {
    fn clone(&self) -> Self {
        Self {
            log: self.log.clone(),
            stream: self.stream,
            cache: self.cache.clone(),
        }
    }
}

impl<A> Store<A>
where
    A: Aggregate<Services = ()> + Clone + 'static,
{
    pub(crate) fn new(log: Log, stream: StreamName) -> Self {
        Self {
            log,
            stream,
            cache: Cache::new(CACHED_AGGREGATES),
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
    pub async fn load(&self, id: &str) -> Result<Context<A>, StoreError> {
        valid_id(id)?;
        self.bounded(async {
            let slot = self.slot(id);
            let mut slot = slot.lock().await;
            let context = self.catch_up(id, slot.take()).await?;
            // Somebody's typing error must not fill the cache.
            if context.version > 0 {
                *slot = Some(context.clone());
            }
            Ok(context)
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
        hint: Hint,
    ) -> Result<Executed<A>, CommandError<A::Error>>
    where
        A::Command: Clone,
    {
        valid_id(id)?;
        let began = Instant::now();
        let executed = self
            .bounded(self.execute_unbounded(id, command, metadata, hint))
            .await;
        metrics::histogram!("eventstore_command_seconds", "stream" => self.stream.as_str())
            .record(began.elapsed().as_secs_f64());
        executed
    }

    async fn execute_unbounded(
        &self,
        id: &str,
        command: A::Command,
        metadata: &Metadata,
        hint: Hint,
    ) -> Result<Executed<A>, CommandError<A::Error>>
    where
        A::Command: Clone,
    {
        let slot = self.slot(id);
        // One command an aggregate at a time in this process: a crowd on one aggregate queues here
        // instead of making every append but one conflict. Between processes the expectation decides.
        let mut slot = slot.lock().await;
        // Taken out, so that whatever cancels this future leaves no half-changed state behind.
        let cached = slot.take();
        let found = if cached.is_some() { "hit" } else { "miss" };
        metrics::counter!("eventstore_cache_total", "stream" => self.stream.as_str(), "result" => found)
            .increment(1);
        let (mut context, mut newest) = match (cached, hint) {
            (Some(context), _) => (context, false),
            (None, Hint::New) => (Context::empty(id), false),
            (None, Hint::None) => (self.catch_up(id, None).await?, true),
        };
        for tried in 1..=MAX_TRIES {
            if let Some(sequence) = context.sequence_of(metadata.command_id) {
                let executed = self.first_result(&context, sequence).await?;
                *slot = Some(context);
                return Ok(executed);
            }
            let mut decided = context.aggregate.clone();
            let sink = EventSink::default();
            let verdict = decided.handle(command.clone(), &(), &sink).await;
            let events = sink.collect().await;
            if verdict.is_err() || events.is_empty() {
                if !newest {
                    context = self.catch_up(id, Some(context)).await?;
                    newest = true;
                    continue;
                }
                let executed = context.executed(false);
                if context.version > 0 {
                    *slot = Some(context);
                }
                return verdict.map(|()| executed).map_err(CommandError::Refused);
            }
            let commit = NewCommit::encode(A::TYPE, context.version, &events, metadata)?;
            match self
                .log
                .append(self.stream, id, &commit, context.last_sequence)
                .await
            {
                Ok(Appended::At(sequence)) => {
                    context.committed(decided, events.len(), metadata.command_id, sequence);
                    let executed = context.executed(false);
                    *slot = Some(context);
                    return Ok(executed);
                }
                Ok(Appended::Conflict) => {
                    metrics::counter!("eventstore_conflicts_total", "stream" => self.stream.as_str())
                        .increment(1);
                    if tried > 1 {
                        let pause = rand::rng().random_range(0..1 << tried.min(6));
                        tokio::time::sleep(Duration::from_millis(pause)).await;
                    }
                }
                // Whether the append took effect isn't known: its acknowledgement may be what was
                // lost. The log knows; the command's id is in the commit.
                Err(StoreError::Unavailable(why)) => {
                    tracing::warn!(stream = %self.stream, aggregate = id, why, "append unanswered, looking it up");
                    metrics::counter!("eventstore_unanswered_total", "stream" => self.stream.as_str())
                        .increment(1);
                }
                Err(error) => return Err(error.into()),
            }
            context = self.catch_up(id, Some(context)).await?;
            newest = true;
        }
        Err(StoreError::Contended {
            stream: self.stream,
            aggregate_id: id.to_owned(),
            tries: MAX_TRIES,
        }
        .into())
    }

    fn slot(&self, id: &str) -> Arc<Mutex<Option<Context<A>>>> {
        self.cache.get_with_by_ref(id, Arc::default)
    }

    async fn bounded<T, E: From<StoreError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let bound = self.log.config().command_timeout;
        tokio::time::timeout(bound, work).await.unwrap_or_else(|_| {
            Err(StoreError::Unavailable(format!("no answer from NATS within {bound:?}")).into())
        })
    }

    /// Brings a context to the newest commit.
    async fn catch_up(
        &self,
        id: &str,
        known: Option<Context<A>>,
    ) -> Result<Context<A>, StoreError> {
        let mut context = known.unwrap_or_else(|| Context::empty(id));
        let (log, stream) = (&self.log, self.stream);
        let mut history = log
            .history(stream, id, context.last_sequence, context.version)
            .await?;
        if history.end < context.last_sequence {
            // A backup was restored under us.
            tracing::warn!(%stream, aggregate = id, "the log is older than what was read before");
            context = Context::empty(id);
            history = log.history(stream, id, 0, 0).await?;
        }
        for commit in &history.commits {
            context.apply(commit)?;
        }
        Ok(context)
    }

    /// The aggregate as the commit at `sequence` left it.
    async fn first_result(
        &self,
        newest: &Context<A>,
        sequence: u64,
    ) -> Result<Executed<A>, StoreError> {
        if newest.last_sequence == sequence {
            return Ok(newest.executed(true));
        }
        let mut context = Context::<A>::empty(&newest.id);
        let history = self.log.history(self.stream, &newest.id, 0, 0).await?;
        let until = |commit: &&Recorded| commit.sequence <= sequence;
        for commit in history.commits.iter().take_while(until) {
            context.apply(commit)?;
        }
        Ok(context.executed(true))
    }

    /// Every commit of an aggregate, oldest first.
    ///
    /// # Errors
    /// When the log can't be reached or can't be read.
    pub async fn commits(&self, id: &str) -> Result<Vec<Recorded>, StoreError> {
        valid_id(id)?;
        self.bounded(async {
            let history = self.log.history(self.stream, id, 0, 0).await?;
            Ok(history.commits)
        })
        .await
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }
}
