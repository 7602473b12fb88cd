//! Durable subscriptions: workers that turn messages into commands, at least once.
//!
//! A message is acknowledged after it was handled, so a crash leads to redelivery and handlers
//! must be safe to repeat. Messages of one aggregate are handled one after the other, those of
//! different aggregates side by side. A message that can't be handled is tried again with growing
//! pauses and then set aside as a dead letter; only its own aggregate waits meanwhile. An outage
//! of something that the handler needs is no fault of the message: it is waited for without end.

use async_nats::jetstream::{
    self, AckKind,
    consumer::{AckPolicy, DeliverPolicy, pull},
};
use futures_util::StreamExt;
use std::{future::Future, sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    DeadLetter, DueCommand, Log, Recorded, StoreError, StreamName,
    dead_letter::{self, RetryMarker},
    lanes::{Lanes, Offered, Taken},
    log::unavailable,
    streams::{COMMANDS, DEADLETTERS},
};

/// How long the server waits for a sign of life before it delivers a message again. Short, so
/// that what a killed process had in hand isn't late; whoever works longer says so in time.
const ACK_WAIT: Duration = Duration::from_secs(5);
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);
/// How many messages one process has in hand at most.
const MAX_IN_HAND: i64 = 1_000;
/// A message that was delivered this often and never finished is taken to end the process that
/// handles it, and set aside unhandled.
const MAX_DELIVERIES: i64 = 50;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Pause before a broken consumer is made anew.
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);

/// Why a handler did not finish with a message.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReactError {
    /// The message itself can't be handled. After some tries it becomes a dead letter.
    #[error("{0}")]
    Poison(String),
    /// Something that the handler needs is away. Tried again until it is back.
    #[error("{0}")]
    Unavailable(String),
    /// It is too early; deliver again after this time.
    #[error("not before {0:?} from now")]
    NotYet(Duration),
}

impl From<StoreError> for ReactError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Contended { .. } => {
                Self::Unavailable(error.to_string())
            }
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
}

impl Subscription {
    /// A subscription with five tries and sixteen aggregates side by side.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            max_tries: 5,
            concurrency: 16,
        }
    }
}

/// A running subscription. Dropping it leaves it running; [`Worker::stop`] ends it.
#[derive(Debug)]
pub struct Worker {
    stopping: CancellationToken,
    tasks: TaskTracker,
}

impl Worker {
    /// Stops taking messages, lets the ones in hand finish their try and hands the rest back.
    pub async fn stop(&self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Log {
    /// Handles every commit of a stream, from its beginning, under a durable name.
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
        self.subscribe(
            Source {
                stream,
                filter: format!("{stream}.>"),
            },
            subscription,
            move |log, letter| {
                let handler = handler.clone();
                async move {
                    let commit = Recorded::from_parts(
                        letter.stream,
                        letter.sequence,
                        &letter.message.subject,
                        &letter.message.headers.clone().unwrap_or_default(),
                        letter.message.payload.clone(),
                        letter.stored_at,
                        &log.config().upcasters,
                    )?;
                    handler(commit).await
                }
            },
        )
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
        let source = Source {
            stream: COMMANDS,
            filter: format!("{COMMANDS}.due.{kind}.*"),
        };
        self.subscribe(source, subscription, move |_, letter| {
            let handler = handler.clone();
            async move {
                let due = DueCommand::parse(letter.sequence, &letter.message.payload)?;
                handler(due).await
            }
        })
    }

    fn subscribe<F, Fut>(&self, source: Source, subscription: Subscription, handle: F) -> Worker
    where
        F: Fn(Log, Letter) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), ReactError>> + Send + 'static,
    {
        let worker = Worker {
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let shared = Arc::new(Shared {
            log: self.clone(),
            subscription,
            lanes: Lanes::new(subscription.concurrency),
            stopping: worker.stopping.clone(),
            tasks: worker.tasks.clone(),
            handle,
        });
        let retries = Source {
            stream: DEADLETTERS,
            filter: dead_letter::retry_subject(subscription.name),
        };
        worker
            .tasks
            .spawn(shared.clone().run(source, subscription.name.to_owned()));
        worker.tasks.spawn(
            shared
                .clone()
                .run(retries, format!("{}-retries", subscription.name)),
        );
        worker.tasks.spawn(shared.show_life());
        worker
    }
}

struct Source {
    stream: StreamName,
    filter: String,
}

/// A message in hand.
pub(crate) struct Letter {
    pub stream: StreamName,
    pub sequence: u64,
    pub stored_at: chrono::DateTime<chrono::Utc>,
    pub message: async_nats::Message,
}

impl Letter {
    /// What orders it: messages with the same key are handled one after the other.
    fn key(&self) -> &str {
        self.stream
            .key_of(&self.message.subject)
            .unwrap_or(&self.message.subject)
    }
}

struct Shared<F> {
    log: Log,
    subscription: Subscription,
    lanes: Lanes,
    stopping: CancellationToken,
    tasks: TaskTracker,
    handle: F,
}

impl<F, Fut> Shared<F>
where
    F: Fn(Log, Letter) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), ReactError>> + Send + 'static,
{
    /// Pulls messages until told to stop, through every loss of connection.
    async fn run(self: Arc<Self>, source: Source, durable: String) {
        let stopping = self.stopping.clone();
        let pull = async {
            loop {
                if let Err(error) = self.pull(&source, &durable).await {
                    tracing::debug!(subscription = durable, %error, "subscription interrupted, trying again");
                }
                tokio::time::sleep(RECONNECT_PAUSE).await;
            }
        };
        tokio::select! {
            () = stopping.cancelled() => {}
            () = pull => {}
        }
    }

    async fn pull(self: &Arc<Self>, source: &Source, durable: &str) -> Result<(), StoreError> {
        let stream = self.log.stream(source.stream).await?;
        let consumer = stream
            .create_consumer(pull::Config {
                durable_name: Some(durable.to_owned()),
                ack_policy: AckPolicy::Explicit,
                ack_wait: ACK_WAIT,
                max_deliver: -1,
                max_ack_pending: MAX_IN_HAND,
                deliver_policy: DeliverPolicy::All,
                filter_subject: source.filter.clone(),
                ..pull::Config::default()
            })
            .await
            .map_err(unavailable)?;
        let mut messages = consumer.messages().await.map_err(unavailable)?;
        while let Some(message) = messages.next().await {
            self.clone()
                .take(source.stream, message.map_err(unavailable)?);
        }
        Ok(())
    }

    /// Puts a message into its aggregate's lane, and starts the lane if it was empty.
    fn take(self: Arc<Self>, stream: StreamName, message: jetstream::Message) {
        let key = match stream {
            // A retry belongs into the lane of what is retried.
            DEADLETTERS => RetryMarker::parse(&message.payload).map(|marker| marker.key),
            _ => None,
        };
        let key = key.unwrap_or_else(|| {
            stream
                .key_of(&message.subject)
                .unwrap_or_default()
                .to_owned()
        });
        if let Offered::FirstOfLane(first) = self.lanes.offer(&key, Taken { stream, message }) {
            let shared = self.clone();
            self.tasks.spawn(async move {
                let mut next = Some(*first);
                while let Some(taken) = next {
                    let permit = shared.lanes.permit().await;
                    if shared.stopping.is_cancelled() {
                        let _ = taken.message.ack_with(AckKind::Nak(None)).await;
                    } else {
                        shared.finish(&taken).await;
                    }
                    drop(permit);
                    next = shared.lanes.done(&key, &taken);
                }
            });
        }
    }

    /// Brings one message to its end: acknowledged, handed back, or set aside.
    async fn finish(&self, taken: &Taken) {
        let Taken { stream, message } = taken;
        let outcome = if *stream == DEADLETTERS {
            self.retry(message).await
        } else {
            self.first_time(*stream, message).await
        };
        let acknowledged = match outcome {
            Outcome::Done => message.ack().await,
            Outcome::Later(pause) => message.ack_with(AckKind::Nak(Some(pause))).await,
        };
        if let Err(error) = acknowledged {
            // It will be delivered again, which is harmless.
            tracing::debug!(subscription = self.subscription.name, %error, "could not acknowledge");
        }
    }

    async fn first_time(&self, stream: StreamName, message: &jetstream::Message) -> Outcome {
        let Ok(info) = message.info() else {
            return Outcome::Done; // Not a message of a stream: nothing to handle.
        };
        let (sequence, delivered, stored_at) =
            (info.stream_sequence, info.delivered, info.published);
        let letter = || Letter {
            stream,
            sequence,
            stored_at,
            message: message.message.clone(),
        };
        if delivered > MAX_DELIVERIES {
            let error = format!("delivered {delivered} times and never finished");
            return self.set_aside(&letter(), 0, error).await;
        }
        match self.try_until_settled(letter).await {
            Settled::Done => Outcome::Done,
            Settled::Later(pause) => Outcome::Later(pause),
            Settled::Dead { tries, error } => self.set_aside(&letter(), tries, error).await,
        }
    }

    /// Tries a dead letter again, because an operator asked for it.
    async fn retry(&self, message: &jetstream::Message) -> Outcome {
        let Some(marker) = RetryMarker::parse(&message.payload) else {
            return Outcome::Done;
        };
        let dead = match self.log.original_of(&marker).await {
            Ok(Some(letter)) => letter,
            Ok(None) => return Outcome::Done,
            Err(_) => return Outcome::Later(LONGEST_PAUSE),
        };
        let letter = || Letter {
            stream: dead.stream,
            sequence: dead.sequence,
            stored_at: dead.stored_at,
            message: dead.message.clone(),
        };
        let resolution = match self.try_until_settled(letter).await {
            Settled::Done => "retried",
            Settled::Later(pause) => return Outcome::Later(pause),
            Settled::Dead { tries, error } => {
                if let Outcome::Later(pause) = self.set_aside(&letter(), tries, error).await {
                    return Outcome::Later(pause);
                }
                "failed again"
            }
        };
        match self
            .log
            .resolve_dead_letter(marker.dead_letter, resolution)
            .await
        {
            Ok(()) => Outcome::Done,
            Err(_) => Outcome::Later(LONGEST_PAUSE),
        }
    }

    async fn try_until_settled(&self, letter: impl Fn() -> Letter) -> Settled {
        let name = self.subscription.name;
        let mut tries = 0;
        let mut pause = FIRST_PAUSE;
        loop {
            match (self.handle)(self.log.clone(), letter()).await {
                Ok(()) => {
                    metrics::counter!("subscription_handled_total", "subscription" => name)
                        .increment(1);
                    return Settled::Done;
                }
                Err(ReactError::NotYet(pause)) => return Settled::Later(pause),
                Err(ReactError::Unavailable(why)) => {
                    tracing::debug!(subscription = name, why, "waiting to handle a message");
                }
                Err(ReactError::Poison(error)) => {
                    tries += 1;
                    let letter = letter();
                    tracing::warn!(subscription = name, stream = %letter.stream, sequence = letter.sequence,
                        key = letter.key(), tries, error, "could not handle a message");
                    metrics::counter!("subscription_failures_total", "subscription" => name)
                        .increment(1);
                    if tries >= self.subscription.max_tries {
                        return Settled::Dead { tries, error };
                    }
                }
            }
            tokio::select! {
                () = self.stopping.cancelled() => return Settled::Later(Duration::ZERO),
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Makes a message a dead letter. It is acknowledged only when the dead letter is stored.
    async fn set_aside(&self, letter: &Letter, tries: u32, error: String) -> Outcome {
        let dead = DeadLetter {
            id: 0,
            subscription: self.subscription.name.to_owned(),
            stream: letter.stream.as_str().to_owned(),
            sequence: letter.sequence,
            key: letter.key().to_owned(),
            error,
            tries,
            at: chrono::Utc::now(),
        };
        match self.log.store_dead_letter(&dead).await {
            Ok(()) => {
                tracing::error!(
                    subscription = dead.subscription,
                    stream = dead.stream,
                    sequence = dead.sequence,
                    error = dead.error,
                    "set a message aside as a dead letter"
                );
                metrics::counter!("dead_letters_total", "subscription" => self.subscription.name)
                    .increment(1);
                Outcome::Done
            }
            Err(error) => {
                tracing::warn!(%error, "could not store a dead letter, trying the message again");
                Outcome::Later(LONGEST_PAUSE)
            }
        }
    }

    /// Tells the server about messages that take longer than it would wait.
    async fn show_life(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.stopping.cancelled() => return,
                () = tokio::time::sleep(SIGN_OF_LIFE) => {}
            }
            for message in self.lanes.in_hand() {
                let _ = message.ack_with(AckKind::Progress).await;
            }
        }
    }
}

enum Outcome {
    Done,
    Later(Duration),
}

enum Settled {
    Done,
    Later(Duration),
    Dead { tries: u32, error: String },
}
