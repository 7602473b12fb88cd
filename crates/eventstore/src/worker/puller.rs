//! Pulls messages, and works through the lanes.

use async_nats::jetstream::{
    self, AckKind,
    consumer::{AckPolicy, DeliverPolicy, pull},
};
use futures_util::StreamExt;
use std::{future::Future, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

use super::{
    delivery::{Delivery, InboundMessage},
    lanes::Offered,
    processor::Processor,
    subscription::HandlerError,
};
use crate::{
    StoreError, StreamName,
    connection::pull_requests::{self, Silence},
    dead_letters::RetryMarker,
    error::unavailable,
    stream_name::DEADLETTERS,
};

/// Limit for unacknowledged messages on the server, in all processes together. Most of them are in
/// no process's hand but were given back for a while, which costs the server some hundred bytes
/// each; beyond this a subscription stops until a message is handled.
const MAX_PENDING: i64 = 50_000;
/// Number of messages per request.
const BATCH: usize = 200;
/// Pause before a broken consumer is recreated.
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);
/// Interval at which the number of pending messages is measured.
const MEASURE_EVERY: Duration = Duration::from_secs(10);
/// The origin of messages.
pub(super) struct Source {
    pub stream: StreamName,
    filter: String,
}

impl Source {
    pub(super) fn new(stream: StreamName, keys: &str) -> Self {
        Self {
            stream,
            filter: stream.subject(keys),
        }
    }
}

/// Pulls the messages of one subscription for its processor. Clones share that.
pub(super) struct Puller<F> {
    processor: Arc<Processor<F>>,
}

impl<F> Clone for Puller<F> {
    fn clone(&self) -> Self {
        Self {
            processor: Arc::clone(&self.processor),
        }
    }
}

impl<F, Fut> Puller<F>
where
    F: Fn(InboundMessage) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    pub fn new(processor: Arc<Processor<F>>) -> Self {
        Self { processor }
    }

    /// Pulls messages until it is stopped, through every loss of connection.
    pub async fn run(self, source: Source, durable: String) {
        let stopping = self.processor.stopping.clone();
        let pull = async {
            let mut interrupted = 0_u32;
            loop {
                if let Err(error) = self.pull(&source, &durable, &mut interrupted).await {
                    interrupted = interrupted.saturating_add(1);
                    // Logged once, and not for each try: the server may lack a leader for long.
                    if self.processor.connection.is_connected() && interrupted == 1 {
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
        &self,
        source: &Source,
        durable: &str,
        interrupted: &mut u32,
    ) -> Result<(), StoreError> {
        let stream = self.processor.connection.stream(source.stream).await?;
        let wanted = pull::Config {
            durable_name: Some(durable.to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.processor.subscription.redeliver_after,
            max_deliver: -1,
            max_ack_pending: MAX_PENDING,
            deliver_policy: DeliverPolicy::All,
            filter_subject: source.filter.clone(),
            ..pull::Config::default()
        };
        let consumer = stream
            .create_consumer(wanted)
            .await
            .map_err(unavailable("making a durable consumer"))?;
        let mut messages = pull_requests::messages(&consumer, BATCH).await?;
        if std::mem::take(interrupted) > 1 {
            tracing::info!(subscription = durable, "subscription goes on");
        }
        let mut silence = Silence::default();
        loop {
            match tokio::time::timeout(Silence::LOOK_AFTER, messages.next()).await {
                Ok(Some(message)) => {
                    silence = Silence::default();
                    self.clone().take(
                        source.stream,
                        message.map_err(unavailable("pulling messages"))?,
                    );
                }
                Ok(None) => return Ok(()),
                Err(_silent) => {
                    let info = consumer
                        .get_info()
                        .await
                        .map_err(unavailable("asking how much waits for a worker"))?;
                    let given =
                        info.num_pending > 0 || info.num_ack_pending > self.processor.lanes.count();
                    // Other processes may have it in hand; then this costs one request.
                    if silence.look(given).is_err() {
                        tracing::debug!(subscription = durable, "nothing came, asking anew");
                        messages = pull_requests::messages(&consumer, BATCH).await?;
                        silence = Silence::default();
                    }
                }
            }
            if self.processor.lanes.is_full() {
                // Messages that were requested and are in transit are delivered again, here or
                // elsewhere.
                drop(messages);
                self.processor.lanes.room().await;
                messages = pull_requests::messages(&consumer, BATCH).await?;
            }
        }
    }

    /// Measures at intervals how many messages are pending, in all processes together.
    pub async fn measure(self, stream: StreamName, durable: &'static str) {
        loop {
            tokio::select! {
                () = self.processor.stopping.cancelled() => return,
                () = tokio::time::sleep(MEASURE_EVERY) => {}
            }
            if let Ok(waiting) = self.waiting(stream, durable).await {
                // A count of messages is far below 2^53.
                #[allow(clippy::cast_precision_loss)]
                self.processor.meters.pending.set(waiting as f64);
            }
        }
    }

    /// Number of messages of a stream that a durable consumer has not completed.
    async fn waiting(&self, stream: StreamName, durable: &str) -> Result<u64, StoreError> {
        let handle = self.processor.connection.stream(stream).await?;
        let info = handle
            .consumer_info(durable)
            .await
            .map_err(unavailable("asking how much waits for a worker"))?;
        Ok(info.num_pending + info.num_ack_pending as u64)
    }

    /// Puts a message into its aggregate's lane, and starts the lane if it was empty.
    fn take(self, stream: StreamName, message: jetstream::Message) {
        let Some(delivery) = Delivery::new(stream, message) else {
            return; // Not a message of a stream: nothing to handle.
        };
        let message = &delivery.message.raw;
        // A retry belongs into the lane of what is retried.
        let retried = (stream == DEADLETTERS).then(|| RetryMarker::parse(&message.payload));
        let key = retried.flatten().map(|marker| marker.key);
        let key = key.unwrap_or_else(|| {
            stream
                .key_of(&message.subject)
                .unwrap_or_default()
                .to_owned()
        });
        let processor = Arc::clone(&self.processor);
        match self.processor.lanes.offer(&key, delivery) {
            Offered::FirstOfLane(first) => {
                self.processor.tasks.spawn(async move {
                    let mut next = Some(*first);
                    while let Some(delivery) = next {
                        next = processor.process_and_ack(&key, &delivery).await;
                    }
                });
            }
            Offered::Early(delivery, pause) => {
                self.processor
                    .tasks
                    .spawn(async move { processor.give_back(&delivery, pause).await });
            }
            Offered::Queued => {}
        }
    }

    /// Extends the deadline of messages that take longer than the server would wait.
    pub async fn extend_ack_deadline(self, stopped: CancellationToken) {
        // Often enough that one extension may be lost.
        let pause = self.processor.subscription.redeliver_after.mul_f64(0.4);
        loop {
            tokio::select! {
                () = stopped.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            self.processor.lanes.forget_the_lost();
            for reply in self.processor.lanes.in_hand() {
                let _ = self.processor.acknowledge(reply, AckKind::Progress).await;
            }
        }
    }
}
