//! What runs a subscription: pulls messages and works through the lanes.

use async_nats::jetstream::{
    self, AckKind,
    consumer::{AckPolicy, DeliverPolicy, pull},
};
use futures_util::StreamExt;
use std::{future::Future, sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    HandlerError, Log, StoreError, StreamName, Subscription,
    dead_letter::{RetryMarker, retry_key},
    delivery::{Delivery, InboundMessage},
    error::unavailable,
    lanes::{Lanes, Offered},
    meters::SubscriptionMeters,
    processor::Processor,
    pull_requests::{self, Silence},
    streams::DEADLETTERS,
};

/// How many messages may be without an end at the server, in all processes together. Most of them
/// are in nobody's hand then but were given back for a while, which costs the server some hundred
/// bytes each; beyond this a subscription stands still until something is handled.
const MAX_PENDING: i64 = 50_000;
/// How many messages one request asks for.
const BATCH: usize = 200;
/// Pause before a broken consumer is made anew.
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);
/// How often it is looked how much waits for a subscription.
const MEASURE_EVERY: Duration = Duration::from_secs(10);
/// How long the last acknowledgments may take to leave the process.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// A running subscription. Dropping it leaves it running; [`Worker::stop`] ends it.
#[derive(Debug)]
pub struct Worker {
    log: Log,
    stopping: CancellationToken,
    /// Set once nothing is in hand any more.
    stopped: CancellationToken,
    tasks: TaskTracker,
}

impl Worker {
    /// Stops taking messages, lets the ones in hand finish their try and hands the rest back.
    /// Returns when all of that is done.
    pub async fn stop(&self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.stopped.cancel();
        // A process that ends now must not take its last acknowledgments with it.
        let _ = tokio::time::timeout(FLUSH_TIMEOUT, self.log.client().flush()).await;
    }
}

/// Where messages come from.
pub(crate) struct Source {
    stream: StreamName,
    filter: String,
}

impl Source {
    pub(crate) fn new(stream: StreamName, keys: &str) -> Self {
        Self {
            stream,
            filter: stream.subject(keys),
        }
    }
}

/// Starts to handle the messages of a source, and those of its dead letters that are to be tried
/// again.
pub(crate) fn start<F, Fut>(
    log: &Log,
    source: Source,
    subscription: Subscription,
    handle: F,
) -> Worker
where
    F: Fn(Log, InboundMessage) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    let worker = Worker {
        log: log.clone(),
        stopping: CancellationToken::new(),
        stopped: CancellationToken::new(),
        tasks: TaskTracker::new(),
    };
    let name = subscription.name;
    let processor = Arc::new(Processor {
        log: log.clone(),
        subscription,
        lanes: Lanes::new(subscription.concurrency),
        stopping: worker.stopping.clone(),
        tasks: worker.tasks.clone(),
        meters: SubscriptionMeters::new(name),
        handle,
    });
    let stream = source.stream;
    let retries = Source::new(DEADLETTERS, &retry_key(name));
    let durables = [
        (source, name.to_owned()),
        (retries, format!("{name}-retries")),
    ];
    worker.tasks.spawn(processor.clone().measure(stream, name));
    for (source, durable) in durables {
        worker.tasks.spawn(processor.clone().run(source, durable));
    }
    // Not one of the tasks that a stop waits for: what is in hand needs it to the end.
    tokio::spawn(processor.extend_ack_deadline(worker.stopped.clone()));
    worker
}

impl<F, Fut> Processor<F>
where
    F: Fn(Log, InboundMessage) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    /// Pulls messages until told to stop, through every loss of connection.
    async fn run(self: Arc<Self>, source: Source, durable: String) {
        let stopping = self.stopping.clone();
        let pull = async {
            let mut interrupted = 0_u32;
            loop {
                if let Err(error) = self.pull(&source, &durable, &mut interrupted).await {
                    interrupted = interrupted.saturating_add(1);
                    // Told once, and not for each try: the server may lack a leader for long.
                    if self.log.is_connected() && interrupted == 1 {
                        tracing::warn!(subscription = durable, %error, "subscription interrupted, trying again until it goes on");
                    } else {
                        tracing::debug!(subscription = durable, %error, interrupted, "subscription waits for NATS");
                    }
                }
                tokio::time::sleep(RECONNECT_PAUSE).await;
            }
        };
        tokio::select! {
            () = stopping.cancelled() => {}
            () = pull => {}
        }
    }

    async fn pull(
        self: &Arc<Self>,
        source: &Source,
        durable: &str,
        interrupted: &mut u32,
    ) -> Result<(), StoreError> {
        let stream = self.log.stream(source.stream).await?;
        let wanted = pull::Config {
            durable_name: Some(durable.to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.subscription.redeliver_after,
            max_deliver: -1,
            max_ack_pending: MAX_PENDING,
            deliver_policy: DeliverPolicy::All,
            filter_subject: source.filter.clone(),
            ..pull::Config::default()
        };
        let consumer = stream.create_consumer(wanted).await.map_err(unavailable)?;
        let mut messages = pull_requests::messages(&consumer, BATCH).await?;
        if std::mem::take(interrupted) > 1 {
            tracing::info!(subscription = durable, "subscription goes on");
        }
        let mut silence = Silence::default();
        loop {
            match tokio::time::timeout(Silence::LOOK_AFTER, messages.next()).await {
                Ok(Some(message)) => {
                    silence = Silence::default();
                    self.clone()
                        .take(source.stream, message.map_err(unavailable)?);
                }
                Ok(None) => return Ok(()),
                Err(_silent) => {
                    let info = consumer.get_info().await.map_err(unavailable)?;
                    let given = info.num_pending > 0 || info.num_ack_pending > self.lanes.count();
                    // Perhaps others have it in hand; then it costs a request.
                    if silence.look(given).is_err() {
                        tracing::debug!(subscription = durable, "nothing came, asking anew");
                        messages = pull_requests::messages(&consumer, BATCH).await?;
                        silence = Silence::default();
                    }
                }
            }
            if self.lanes.is_full() {
                // What was asked for and is on its way is delivered again, here or elsewhere.
                drop(messages);
                self.lanes.room().await;
                messages = pull_requests::messages(&consumer, BATCH).await?;
            }
        }
    }

    /// Tells from time to time how many messages wait, in all processes together.
    async fn measure(self: Arc<Self>, stream: StreamName, durable: &'static str) {
        loop {
            tokio::select! {
                () = self.stopping.cancelled() => return,
                () = tokio::time::sleep(MEASURE_EVERY) => {}
            }
            if let Ok(waiting) = self.log.waiting_for(stream, durable).await {
                // A count of messages is far below 2^53.
                #[allow(clippy::cast_precision_loss)]
                self.meters.pending.set(waiting as f64);
            }
        }
    }

    /// Puts a message into its aggregate's lane, and starts the lane if it was empty.
    fn take(self: Arc<Self>, stream: StreamName, message: jetstream::Message) {
        let Some(delivery) = Delivery::new(stream, message) else {
            return; // Not a message of a stream: nothing to handle.
        };
        let message = &delivery.message.raw;
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
        let processor = self.clone();
        match self.lanes.offer(&key, delivery) {
            Offered::FirstOfLane(first) => {
                self.tasks.spawn(async move {
                    let mut next = Some(*first);
                    while let Some(delivery) = next {
                        next = processor.process_and_ack(&key, &delivery).await;
                    }
                });
            }
            Offered::Early(delivery, pause) => {
                self.tasks
                    .spawn(async move { processor.give_back(&delivery, pause).await });
            }
            Offered::Queued => {}
        }
    }

    /// Tells the server about messages that take longer than it would wait.
    async fn extend_ack_deadline(self: Arc<Self>, stopped: CancellationToken) {
        // Often enough that one may be lost.
        let pause = self.subscription.redeliver_after.mul_f64(0.4);
        loop {
            tokio::select! {
                () = stopped.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            self.lanes.forget_the_lost();
            for reply in self.lanes.in_hand() {
                let _ = self.log.acknowledge(reply, AckKind::Progress).await;
            }
        }
    }
}
