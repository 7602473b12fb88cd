//! Commands on aggregates: load, decide, append, and again if somebody was faster.

use cqrs_es::{
    Aggregate, AggregateContext, AggregateError, EventEnvelope, EventStore, event_sink::EventSink,
};
use moka::sync::Cache;
use rand::RngExt;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{sync::Mutex, time::Instant};
use uuid::Uuid;

use crate::{
    CommandError, Log, Metadata, Recorded, StoreError, StreamName,
    commit::NewCommit,
    log::{Appended, Freshness, valid_id},
};

/// How often an append is tried before the race is given up.
const MAX_TRIES: u32 = 16;
/// How many aggregates are kept in memory.
const CACHED_AGGREGATES: u64 = 100_000;

/// An aggregate as it stands at a place in the log.
#[derive(Clone, Debug)]
pub struct Context<A> {
    id: String,
    aggregate: A,
    /// Number of its events: the version that the next event will have.
    version: u64,
    /// Sequence of its last commit in the stream; 0 if it has none.
    last_sequence: u64,
    /// Which command led to which commit.
    commands: Vec<(Uuid, u64)>,
}

impl<A: Default> Context<A> {
    fn empty(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            aggregate: A::default(),
            version: 0,
            last_sequence: 0,
            commands: Vec::new(),
        }
    }
}

impl<A> Context<A> {
    /// The aggregate.
    pub fn state(&self) -> &A {
        &self.aggregate
    }

    /// Number of its events.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Stream sequence of its last commit; 0 if it has none.
    pub fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    fn sequence_of(&self, command: Uuid) -> Option<u64> {
        self.commands
            .iter()
            .find(|(id, _)| *id == command)
            .map(|(_, sequence)| *sequence)
    }
}

impl<A: Aggregate> Context<A> {
    fn apply(&mut self, commit: &Recorded) -> Result<(), StoreError> {
        if commit.version != self.version {
            return Err(StoreError::Gap {
                stream: commit.stream,
                sequence: commit.sequence,
                expected: format!("version {} of {}", self.version, self.id),
                found: format!("version {}", commit.version),
            });
        }
        for (_, event) in commit.decode::<A::Event>()? {
            self.aggregate.apply(event);
            self.version += 1;
        }
        self.last_sequence = commit.sequence;
        self.commands
            .push((commit.metadata.command_id, commit.sequence));
        Ok(())
    }
}

impl<A: Aggregate> AggregateContext<A> for Context<A> {
    fn aggregate(&mut self) -> &mut A {
        &mut self.aggregate
    }
}

/// What a command led to.
#[derive(Clone, Debug)]
pub struct Executed<A: Aggregate> {
    /// The aggregate right after the command.
    pub state: A,
    /// Number of the aggregate's events then.
    pub version: u64,
    /// Stream sequence of the commit that the state reflects: wait for it to see the effect in a
    /// read model.
    pub sequence: u64,
    /// Whether the command had taken effect before, and this is its first result again.
    pub repeated: bool,
}

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

    /// The aggregate as the newest commit leaves it; empty if it doesn't exist.
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
    /// repeating the command with the same id is safe) or others kept winning.
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
                    context.aggregate = decided;
                    context.version += events.len() as u64;
                    context.last_sequence = sequence;
                    context.commands.push((metadata.command_id, sequence));
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

    /// Brings a context to the newest commit. An aggregate has a handful of commits, so they are
    /// read one by one with direct gets; a consumer was measured to cost more to create than that.
    async fn catch_up(
        &self,
        id: &str,
        known: Option<Context<A>>,
    ) -> Result<Context<A>, StoreError> {
        let mut context = known.unwrap_or_else(|| Context::empty(id));
        let last = self
            .log
            .last_commit(self.stream, id, Freshness::Newest)
            .await?;
        let end = last.as_ref().map_or(0, |commit| commit.sequence);
        if end < context.last_sequence {
            tracing::warn!(stream = %self.stream, aggregate = id, "the log is older than what was read before");
            context = Context::empty(id);
        }
        while context.last_sequence < end {
            if let Some(last) = &last
                && last.version == context.version
            {
                context.apply(last)?;
                break;
            }
            let from = context.last_sequence + 1;
            let next = self.log.next_commit(self.stream, id, from).await?;
            // The leader has it; the replica that was asked doesn't yet.
            let next =
                next.ok_or_else(|| StoreError::Unavailable("a replica lags behind".to_owned()))?;
            context.apply(&next)?;
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
        for commit in self.commits(&newest.id).await? {
            if commit.sequence <= sequence {
                context.apply(&commit)?;
            }
        }
        Ok(context.executed(true))
    }

    /// Every commit of an aggregate, oldest first.
    ///
    /// # Errors
    /// When the log can't be reached or can't be read.
    pub async fn commits(&self, id: &str) -> Result<Vec<Recorded>, StoreError> {
        valid_id(id)?;
        let mut commits = Vec::new();
        let mut from = 1;
        while let Some(commit) = self.log.next_commit(self.stream, id, from).await? {
            from = commit.sequence + 1;
            commits.push(commit);
        }
        Ok(commits)
    }
}

impl<A: Aggregate + Clone> Context<A> {
    fn executed(&self, repeated: bool) -> Executed<A> {
        Executed {
            state: self.aggregate.clone(),
            version: self.version,
            sequence: self.last_sequence,
            repeated,
        }
    }
}

/// The framework's view. Its `commit` tries once: retrying, and knowing a repeated command, is
/// what [`Store::execute`] adds. Give the framework no queries: they would run in this process
/// after the commit and be lost in a crash; read models follow the log instead.
///
/// Metadata is read from the keys `command_id`, `correlation_id`, `causation_id` (UUIDs) and
/// `actor`; what is missing is made anew.
impl<A> EventStore<A> for Store<A>
where
    A: Aggregate<Services = ()> + Clone + 'static,
{
    type AC = Context<A>;

    async fn load_events(
        &self,
        id: &str,
    ) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        let mut envelopes = Vec::new();
        for commit in self.commits(id).await? {
            for (version, payload) in commit.decode::<A::Event>()? {
                envelopes.push(envelope(id, version, payload, &commit.metadata));
            }
        }
        Ok(envelopes)
    }

    async fn load_aggregate(&self, id: &str) -> Result<Context<A>, AggregateError<A::Error>> {
        Ok(self.load(id).await?)
    }

    async fn commit(
        &self,
        events: Vec<A::Event>,
        context: Context<A>,
        metadata: HashMap<String, String>,
    ) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let uuid = |key: &str| {
            metadata
                .get(key)
                .and_then(|text| Uuid::parse_str(text).ok())
        };
        let metadata = Metadata {
            command_id: uuid("command_id").unwrap_or_else(Uuid::now_v7),
            correlation_id: metadata
                .get("correlation_id")
                .cloned()
                .unwrap_or_else(|| Uuid::now_v7().to_string()),
            causation_id: uuid("causation_id"),
            actor: metadata.get("actor").cloned().unwrap_or_default(),
            time: chrono::Utc::now(),
            trace_parent: None,
        };
        let commit = NewCommit::encode(A::TYPE, context.version, &events, &metadata)?;
        match self
            .log
            .append(self.stream, &context.id, &commit, context.last_sequence)
            .await?
        {
            Appended::Conflict => Err(AggregateError::AggregateConflict),
            Appended::At(_) => Ok((context.version..)
                .zip(events)
                .map(|(version, event)| envelope(&context.id, version, event, &metadata))
                .collect()),
        }
    }
}

fn envelope<A: Aggregate>(
    id: &str,
    version: u64,
    payload: A::Event,
    metadata: &Metadata,
) -> EventEnvelope<A> {
    EventEnvelope {
        aggregate_id: id.to_owned(),
        // The framework counts from 1.
        sequence: usize::try_from(version + 1).unwrap_or(usize::MAX),
        payload,
        metadata: HashMap::from([
            ("command_id".to_owned(), metadata.command_id.to_string()),
            ("correlation_id".to_owned(), metadata.correlation_id.clone()),
            ("actor".to_owned(), metadata.actor.clone()),
        ]),
    }
}
