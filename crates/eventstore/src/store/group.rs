//! Group commit: commands that wait for the same aggregate are decided one after the other on the
//! state in memory, and stored as one message.
//!
//! One task at a time works on an aggregate in this process, and it belongs to no caller: a caller
//! that gives up, or is cancelled, takes nothing from the others. Between processes the expectation
//! decides.

use cqrs_es::{Aggregate, event_sink::EventSink};
use futures_util::FutureExt as _;
use rand::RngExt;
use std::{
    any::Any,
    collections::{HashMap, HashSet},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};
use tokio::{sync::oneshot, time::Instant};
use tracing::{Instrument as _, Span};
use uuid::Uuid;

use super::{
    Expectation, Store,
    cache::{CacheSlot, CachedAggregate},
    loaded::{CommandOutcome, Loaded},
    queue::Queue,
};
use crate::{
    CommandError, Commit, Metadata, StoreError,
    commit::{MOST_COMMITS, UnsavedCommit, UnsavedMessage},
    connection::Appended,
};

/// Number of tries of an append before it is given up.
const MAX_TRIES: u32 = 16;
/// A message of several commits takes at most this part of what the server accepts.
const PART_OF_MAX_PAYLOAD: usize = 4;

/// A command that waits for its aggregate.
pub(super) struct Waiting<A: Aggregate> {
    pub command: A::Command,
    pub metadata: Metadata,
    pub hint: Expectation,
    /// When it arrived.
    pub came: Instant,
    pub span: Span,
    pub answer: oneshot::Sender<Answer<A>>,
    /// Number of appends of it that conflicted or remained unanswered.
    tries: u32,
}

/// The answer to a caller.
pub(super) enum Answer<A: Aggregate> {
    Done(Result<CommandOutcome<A>, CommandError<A::Error>>),
    /// Its commit is in this message, and others followed: the caller reads its first result.
    TookEffect {
        sequence: u64,
        epoch: u64,
    },
    /// The aggregate's code panicked.
    Panicked(Box<dyn Any + Send>),
}

impl<A: Aggregate> Waiting<A> {
    pub fn new(
        (command, metadata): (A::Command, Metadata),
        hint: Expectation,
        span: Span,
    ) -> (Self, oneshot::Receiver<Answer<A>>) {
        let (answer, answered) = oneshot::channel();
        let waiting = Self {
            command,
            metadata,
            hint,
            came: Instant::now(),
            span,
            answer,
            tries: 0,
        };
        (waiting, answered)
    }

    fn answer(self, answer: Answer<A>) {
        // The caller may have given up.
        let _ = self.answer.send(answer);
    }

    fn fail(self, failure: StoreError) {
        self.answer(Answer::Done(Err(failure.into())));
    }
}

/// What was decided for a command, on the state that the commands before it lead to.
enum Verdict<A: Aggregate> {
    /// It leads to a commit of the message, after which the aggregate is in this state.
    Commits(CommandOutcome<A>),
    /// It is the same command as another of the message.
    Repeats(CommandOutcome<A>),
    /// There is nothing to store. The state is that of the message if it holds a commit by then.
    Nothing(CommandOutcome<A>, bool),
    Refused(A::Error),
}

/// The message that a group leads to.
struct Draft<A: Aggregate> {
    /// The aggregate after it, except for its sequence.
    context: Loaded<A>,
    message: UnsavedMessage,
    /// Commit, command and correlation ID of each commit.
    commits: Vec<(Uuid, Uuid, String)>,
    /// The size of its commits.
    bytes: usize,
    /// What was decided for the first commands of the group, in their order.
    verdicts: Vec<Verdict<A>>,
}

/// The result of deciding one command.
enum Step<A: Aggregate> {
    /// It is final.
    Final(Answer<A>),
    /// It is once the message is stored, or the state is known to be the newest.
    Decided(Verdict<A>),
    /// The message is full.
    Full,
}

/// The outcomes of commands that wait and are found in the log.
pub(super) struct FirstResults<A: Aggregate> {
    wanted: HashSet<Uuid>,
    found: HashMap<Uuid, CommandOutcome<A>>,
}

impl<A: Aggregate + Clone> FirstResults<A> {
    pub fn unwanted() -> Self {
        Self {
            wanted: HashSet::new(),
            found: HashMap::new(),
        }
    }

    fn of(group: &[Waiting<A>]) -> Self {
        let ids = group.iter().map(|waiting| waiting.metadata.command_id);
        Self {
            wanted: ids.collect(),
            found: HashMap::new(),
        }
    }

    /// Notes the aggregate after a commit that was read.
    pub fn note(&mut self, commit: &Commit, after: &Loaded<A>) {
        let command = commit.metadata.command_id;
        if self.wanted.contains(&command) {
            let found = self.found.entry(command);
            found.or_insert_with(|| after.outcome(true));
        }
    }

    /// The log differs from what was read.
    pub fn forget(&mut self) {
        self.found.clear();
    }
}

/// Lets another task work on the aggregate if this one ends before its time.
struct AtWork<'q, W>(Option<&'q Queue<W>>);

impl<W> Drop for AtWork<'_, W> {
    fn drop(&mut self) {
        if let Some(queue) = self.0 {
            queue.abandon();
        }
    }
}

type Slot<A> = Arc<CacheSlot<A, Waiting<A>>>;

impl<A> Store<A>
where
    A: Aggregate<Services = ()> + Clone + 'static,
    A::Command: Clone + Send,
    A::Error: Send,
{
    /// Works on an aggregate until no command waits for it.
    pub(super) async fn work(self, id: String, slot: Slot<A>) {
        let mut at_work = AtWork(Some(&slot.queue));
        while let Some(mut group) = slot.queue.take(MOST_COMMITS) {
            let crowd = group.len() > 1;
            let bound = self.connection.config().command_timeout;
            let done = self.execute_group(&id, &slot, &mut group);
            if tokio::time::timeout(bound, done).await.is_err() {
                // Those who came with the first of them have given up by now.
                let late = format!("no answer from NATS within {bound:?}");
                fail_all(&mut group, &StoreError::unavailable(late));
            }
            slot.queue.put_back(group);
            if crowd {
                // Those who were answered may come again at once. Where a round trip takes
                // milliseconds, a message without them would make them wait for two.
                tokio::task::yield_now().await;
            }
        }
        at_work.0 = None;
    }

    /// Executes the first commands of a group, and answers them. Leaves those that are left.
    ///
    /// The cached state changes only between two awaits, by whole messages: wherever this future is
    /// dropped, the state remains one that the aggregate once had.
    async fn execute_group(&self, id: &str, slot: &Slot<A>, group: &mut Vec<Waiting<A>>) {
        let mut kept = slot.kept.lock().await;
        self.fence(&mut kept).await;
        let found = if kept.is_complete() {
            &self.meters.hits
        } else {
            &self.meters.misses
        };
        found.increment(group.len() as u64);
        let mut first_results = FirstResults::of(group);
        let mut reads = !kept.is_complete()
            && group
                .iter()
                .any(|waiting| waiting.hint == Expectation::Unknown);
        let mut most = MOST_COMMITS;
        loop {
            if reads {
                if let Err(failure) = self.catch_up(&mut kept, &mut first_results).await {
                    return fail_all(group, &failure);
                }
                self.memory.weigh(id, slot, kept.size());
            }
            // From here on each round that doesn't end with this one begins with a reading.
            reads = true;
            group.retain(|waiting| !waiting.answer.is_closed());
            let draft = self.decide(&kept, group, &mut first_results, most).await;
            let Some(draft) = draft else {
                return;
            };
            let Draft {
                mut context,
                message,
                commits,
                bytes,
                verdicts,
            } = draft;
            if commits.is_empty() {
                if verdicts.is_empty() {
                    return;
                }
                // Each was decided on a state that may be older than the command.
                continue;
            }
            let sent = Instant::now();
            let appended = self
                .connection
                .append(self.subject(id), message, kept.context.basis())
                .await;
            self.meters.append.record(sent.elapsed());
            match appended {
                Ok(Appended::Stored(sequence)) => {
                    context.last_sequence = sequence;
                    let ids = commits.iter().map(|(_, command, _)| *command);
                    kept.committed(context, ids, bytes);
                    // The expectation held when the server stored it.
                    kept.mark_fresh_at(sent);
                    let stored = (0..).zip(&commits);
                    let stored = stored.map(|(index, (id, _, chain))| (index, *id, &**chain));
                    self.connection.tails().note(self.stream, sequence, stored);
                    self.memory.weigh(id, slot, kept.size());
                    drop(kept);
                    for (waiting, verdict) in group.drain(..verdicts.len()).zip(verdicts) {
                        let result = verdict.stored_at(sequence);
                        waiting.answer(Answer::Done(result));
                    }
                    return;
                }
                Ok(Appended::Conflict) => {
                    self.meters.conflicts.increment(1);
                    let tried = self.count_try(id, group, verdicts.len());
                    if tried > 1 {
                        let pause = rand::rng().random_range(0..1 << tried.min(6));
                        tokio::time::sleep(Duration::from_millis(pause)).await;
                    }
                }
                // It is unknown whether the append took effect: its acknowledgment may have been
                // lost. The log contains the commands' IDs if it did.
                Err(error @ StoreError::Unavailable { .. }) => {
                    // In an outage every command fails like this: a metric counts them, and one
                    // line reports the loss of the connection.
                    tracing::debug!(stream = %self.stream, aggregate = id, %error, "append unanswered, looking it up");
                    self.meters.unanswered.increment(1);
                    self.count_try(id, group, verdicts.len());
                }
                // One of them can't be stored, and the others can without it.
                Err(_) if commits.len() > 1 => {
                    most = 1;
                    reads = false;
                }
                Err(error) => {
                    let at = verdicts
                        .iter()
                        .position(|verdict| matches!(verdict, Verdict::Commits(_)));
                    if let Some(at) = at {
                        group.remove(at).fail(error);
                    }
                    reads = false;
                }
            }
        }
    }

    /// Decides the commands of a group, one after the other, until the message is full. Answers and
    /// removes those whose result is final; the verdicts are on the first of those that remain.
    /// `None` if none remains.
    async fn decide(
        &self,
        kept: &CachedAggregate<A>,
        group: &mut Vec<Waiting<A>>,
        first_results: &mut FirstResults<A>,
        most: usize,
    ) -> Option<Draft<A>> {
        let version = kept.context.version;
        let message = match UnsavedMessage::new(A::TYPE, version) {
            Ok(message) => message,
            Err(error) => {
                fail_all(group, &error);
                return None;
            }
        };
        let mut draft = Draft {
            context: kept.context.clone(),
            message,
            commits: Vec::new(),
            bytes: 0,
            verdicts: Vec::new(),
        };
        while let Some(waiting) = group.get(draft.verdicts.len()) {
            let known = self.known_result(kept, waiting, first_results);
            let step = match known {
                Some(answer) => Step::Final(answer),
                None if draft.commits.len() >= most => Step::Full,
                None => {
                    let origin = (&waiting.metadata, waiting.came, &waiting.span);
                    let command = waiting.command.clone();
                    self.decide_one(kept, command, origin, &mut draft).await
                }
            };
            match step {
                Step::Final(answer) => group.remove(draft.verdicts.len()).answer(answer),
                Step::Decided(verdict) => draft.verdicts.push(verdict),
                Step::Full => break,
            }
        }
        (!group.is_empty()).then_some(draft)
    }

    /// The result of a command that is known to be in the log.
    fn known_result(
        &self,
        kept: &CachedAggregate<A>,
        waiting: &Waiting<A>,
        first_results: &mut FirstResults<A>,
    ) -> Option<Answer<A>> {
        let command = waiting.metadata.command_id;
        let sequence = kept.sequence_of(command)?;
        // It is unknown what an unreachable log will contain when it is back.
        if !self.connection.tails().are_proved() {
            let why = "not connected to NATS, or not for long";
            return Some(Answer::Done(Err(StoreError::unavailable(why).into())));
        }
        let context = &kept.context;
        if context.last_command() == Some(command) {
            return Some(Answer::Done(Ok(context.outcome(true))));
        }
        Some(match first_results.found.remove(&command) {
            Some(outcome) => Answer::Done(Ok(outcome)),
            None => Answer::TookEffect {
                sequence,
                epoch: context.epoch,
            },
        })
    }

    async fn decide_one(
        &self,
        kept: &CachedAggregate<A>,
        command: A::Command,
        (metadata, came, span): (&Metadata, Instant, &Span),
        draft: &mut Draft<A>,
    ) -> Step<A> {
        let first = draft
            .commits
            .iter()
            .zip(draft.verdicts.iter().filter_map(Verdict::commit));
        let same = first
            .into_iter()
            .find(|((_, command, _), _)| *command == metadata.command_id);
        if let Some((_, outcome)) = same {
            return Step::Decided(Verdict::Repeats(CommandOutcome {
                was_duplicate: true,
                ..outcome.clone()
            }));
        }
        let mut decided = draft.context.aggregate.clone();
        let sink = EventSink::default();
        let handled = decided.handle(command, &(), &sink);
        let handled = AssertUnwindSafe(handled.instrument(span.clone()));
        let verdict = match handled.catch_unwind().await {
            Ok(verdict) => verdict,
            Err(panic) => return Step::Final(Answer::Panicked(panic)),
        };
        let events = sink.collect().await;
        if verdict.is_err() || events.is_empty() {
            let outcome = draft.context.outcome(false);
            if draft.commits.is_empty() && kept.is_fresh_at(came) {
                let result = verdict.map(|()| outcome).map_err(CommandError::Refused);
                return Step::Final(Answer::Done(result));
            }
            return Step::Decided(match verdict {
                Ok(()) => Verdict::Nothing(outcome, !draft.commits.is_empty()),
                Err(refusal) => Verdict::Refused(refusal),
            });
        }
        let commit = match UnsavedCommit::encode(&events, metadata) {
            Ok(commit) => commit,
            Err(error) => return Step::Final(Answer::Done(Err(error.into()))),
        };
        let limit = self.connection.client().max_payload() / PART_OF_MAX_PAYLOAD;
        if !draft.commits.is_empty() && draft.bytes + commit.len() > limit {
            return Step::Full;
        }
        draft.bytes += commit.len();
        draft.message.push(&commit);
        let context = &mut draft.context;
        context.aggregate = decided;
        context.version += events.len() as u64;
        context.last = Some((commit.id, metadata.command_id));
        let chain = metadata.correlation_id.clone();
        draft.commits.push((commit.id, metadata.command_id, chain));
        Step::Decided(Verdict::Commits(draft.context.outcome(false)))
    }

    /// Counts a failed try of the first commands of a group, and gives up those that were tried
    /// too often. Returns the number of tries of the first.
    fn count_try(&self, id: &str, group: &mut Vec<Waiting<A>>, count: usize) -> u32 {
        for waiting in group.iter_mut().take(count) {
            waiting.tries += 1;
        }
        let tried = group.first().map_or(0, |first| first.tries);
        let mut given_up = Vec::new();
        for waiting in std::mem::take(group) {
            if waiting.tries >= MAX_TRIES {
                given_up.push(waiting);
            } else {
                group.push(waiting);
            }
        }
        let conflict = StoreError::Conflict {
            stream: self.stream,
            aggregate_id: id.to_owned(),
            tries: MAX_TRIES,
        };
        fail_all(&mut given_up, &conflict);
        tried
    }
}

impl<A: Aggregate> Verdict<A> {
    fn commit(&self) -> Option<&CommandOutcome<A>> {
        match self {
            Self::Commits(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// The result, now that the message is stored.
    fn stored_at(self, sequence: u64) -> Result<CommandOutcome<A>, CommandError<A::Error>> {
        match self {
            Self::Commits(outcome) | Self::Repeats(outcome) | Self::Nothing(outcome, true) => {
                Ok(CommandOutcome {
                    sequence,
                    ..outcome
                })
            }
            Self::Nothing(outcome, false) => Ok(outcome),
            Self::Refused(refusal) => Err(CommandError::Refused(refusal)),
        }
    }
}

fn fail_all<A: Aggregate>(group: &mut Vec<Waiting<A>>, failure: &StoreError) {
    for waiting in group.drain(..) {
        waiting.fail(failure.clone());
    }
}
