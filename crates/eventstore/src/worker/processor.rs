//! Processes one message until it is handled, handed back, or set aside.

use async_nats::{Subject, jetstream::AckKind};
use futures_util::FutureExt;
use std::{any::Any, future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument as _, Span, field::Empty};

use super::{
    attempt::{Attempt, Disposition},
    delivery::{Delivery, InboundMessage},
    lanes::Lanes,
    quarantine::{self, Trial},
    subscription::{HandlerError, Subscription},
};
use crate::{
    DeadLetter, DeadLetters, StoreError, StreamName,
    commit::{Origin, origin},
    connection::Connection,
    dead_letters::RetryMarker,
    error::unavailable,
    meters::{SubscriptionMeters, seconds_since},
    read::Messages,
    server_answer::as_stored,
    stream_name::{COMMANDS, DEADLETTERS},
    trace,
};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The state that the tasks of one subscription share.
pub(super) struct Processor<F> {
    pub connection: Connection,
    pub subscription: Subscription,
    pub lanes: Lanes,
    pub stopping: CancellationToken,
    pub tasks: TaskTracker,
    pub meters: SubscriptionMeters,
    pub handle: F,
}

impl<F, Fut> Processor<F>
where
    F: Fn(InboundMessage) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    /// Processes one message until it is acknowledged, handed back, or set aside. Returns the next
    /// one of its lane.
    pub(super) async fn process_and_ack(&self, key: &str, delivery: &Delivery) -> Option<Delivery> {
        let message = &delivery.message;
        let origin = if [DEADLETTERS, COMMANDS].contains(&message.stream) {
            Origin::default()
        } else {
            origin(message.raw.headers.as_ref(), &message.raw.payload)
        };
        let span = span_of_reaction(self.subscription.name, message.stream, &origin);
        let disposition = async {
            if delivery.message.stream == DEADLETTERS {
                self.retry(key, delivery).await
            } else {
                self.process(key, delivery).await
            }
        };
        match disposition.instrument(span).await {
            Disposition::Done => self.tell(delivery, AckKind::Ack).await,
            Disposition::Later(pause) => self.give_back(delivery, pause).await,
            Disposition::Park => {
                let (pause, behind) = self.lanes.park(key, delivery);
                self.give_back(delivery, pause).await;
                for (delivery, pause) in &behind {
                    self.give_back(delivery, *pause).await;
                }
                return None;
            }
        }
        self.lanes.done(key, delivery)
    }

    /// Has the server deliver a message again after a pause.
    pub(super) async fn give_back(&self, delivery: &Delivery, pause: Duration) {
        let pause = (!pause.is_zero()).then_some(pause);
        self.tell(delivery, AckKind::Nak(pause)).await;
    }

    async fn tell(&self, delivery: &Delivery, kind: AckKind) {
        if let Err(error) = self.acknowledge(delivery.reply.clone(), kind).await {
            // It will be delivered again, which is harmless.
            tracing::debug!(subscription = self.subscription.name, %error, "could not acknowledge");
        }
    }

    async fn process(&self, key: &str, delivery: &Delivery) -> Disposition {
        let message = &delivery.message;
        match self.try_until_settled(key, delivery, message).await {
            Attempt::Done => Disposition::Done,
            Attempt::Later(pause) => Disposition::Later(pause),
            Attempt::Park => Disposition::Park,
            Attempt::Dead { tries, error } => self.dead_letter(message, tries, error).await,
        }
    }

    /// Retries a dead letter at an operator's request.
    async fn retry(&self, key: &str, delivery: &Delivery) -> Disposition {
        let Some(marker) = RetryMarker::parse(&delivery.message.raw.payload) else {
            return Disposition::Done;
        };
        let dead = match self.original_of(&marker).await {
            Ok(Some(original)) => original,
            // A due command is not kept forever; without it there is nothing left to decide either.
            Ok(None) => return self.resolve(&marker, "its message is gone").await,
            Err(_) => return Disposition::Later(LONGEST_PAUSE),
        };
        let resolution = match self.try_until_settled(key, delivery, &dead).await {
            Attempt::Done => "retried",
            Attempt::Later(pause) => return Disposition::Later(pause),
            Attempt::Park => return Disposition::Park,
            Attempt::Dead { tries, error } => {
                if let Disposition::Later(pause) = self.dead_letter(&dead, tries, error).await {
                    return Disposition::Later(pause);
                }
                "failed again"
            }
        };
        self.resolve(&marker, resolution).await
    }

    async fn resolve(&self, marker: &RetryMarker, how: &str) -> Disposition {
        let dead_letters = self.dead_letters();
        match dead_letters.resolve(marker.dead_letter, how).await {
            Ok(()) => Disposition::Done,
            Err(_) => Disposition::Later(LONGEST_PAUSE),
        }
    }

    async fn try_until_settled(
        &self,
        key: &str,
        delivery: &Delivery,
        message: &InboundMessage,
    ) -> Attempt {
        let name = self.subscription.name;
        let mut tries = 0;
        let mut pause = FIRST_PAUSE;
        let mut waits = self.lanes.was_parked(key, delivery);
        let mut suspect =
            delivery.delivered > quarantine::SUSPECT_AFTER && !self.lanes.has_outlived(delivery);
        loop {
            let outcome = if suspect {
                let trial = Trial {
                    connection: &self.connection,
                    lanes: &self.lanes,
                    stopping: &self.stopping,
                    subscription: name,
                };
                let handled = self.handled(message.clone());
                match trial.run(delivery, message, handled).await {
                    Ok(outcome) => outcome,
                    Err(settled) => return settled,
                }
            } else {
                self.try_once(message.clone(), waits).await
            };
            suspect = false;
            let Some(outcome) = outcome else {
                return Attempt::Later(Duration::ZERO);
            };
            match outcome {
                Ok(()) => {
                    self.meters.handled.increment(1);
                    self.meters.delay.record(seconds_since(message.stored_at));
                    return Attempt::Done;
                }
                Err(HandlerError::RetryAfter(pause)) => return Attempt::Later(pause),
                Err(HandlerError::Unavailable(why)) => {
                    tracing::debug!(subscription = name, why, "waiting to handle a message");
                    if self.lanes.is_crowded() {
                        return Attempt::Park;
                    }
                    waits = true;
                }
                Err(HandlerError::Poison(error)) => {
                    tries += 1;
                    tracing::warn!(subscription = name, stream = %message.stream, sequence = message.sequence,
                        key = message.key(), tries, error, "could not handle a message");
                    self.meters.failures.increment(1);
                    if tries >= self.subscription.max_tries {
                        return Attempt::Dead { tries, error };
                    }
                }
            }
            tokio::select! {
                () = self.stopping.cancelled() => return Attempt::Later(Duration::ZERO),
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Tries once, or not at all if the subscription stops first.
    ///
    /// A permit is held for this one try and not during the pauses between tries; otherwise a few
    /// messages that can't be handled would hold up all the others.
    async fn try_once(
        &self,
        message: InboundMessage,
        waits: bool,
    ) -> Option<Result<(), HandlerError>> {
        let turn = async {
            let permit = self.lanes.permit(waits).await;
            (permit, quarantine::alongside_others().await)
        };
        let _turn = tokio::select! {
            biased;
            () = self.stopping.cancelled() => return None,
            turn = turn => turn,
        };
        Some(self.handled(message).await)
    }

    /// Calls the handler.
    pub(super) async fn handled(&self, message: InboundMessage) -> Result<(), HandlerError> {
        // A handler that panics would end its lane, and everything behind it would wait forever.
        let tried = AssertUnwindSafe(async { (self.handle)(message).await });
        tried.catch_unwind().await.unwrap_or_else(|panic| {
            Err(HandlerError::Poison(format!(
                "the handler panicked: {}",
                panic_message(&*panic)
            )))
        })
    }

    /// Makes a message a dead letter. It is acknowledged only when the dead letter is stored.
    async fn dead_letter(
        &self,
        message: &InboundMessage,
        tries: u32,
        error: String,
    ) -> Disposition {
        let dead = DeadLetter {
            id: 0,
            subscription: self.subscription.name.to_owned(),
            stream: message.stream.as_str().to_owned(),
            sequence: message.sequence,
            key: message.key().to_owned(),
            error,
            tries,
            at: chrono::Utc::now(),
        };
        match self.dead_letters().store(&dead).await {
            Ok(()) => {
                tracing::error!(
                    subscription = dead.subscription,
                    stream = dead.stream,
                    sequence = dead.sequence,
                    error = dead.error,
                    "set a message aside as a dead letter"
                );
                self.meters.dead.increment(1);
                Disposition::Done
            }
            Err(error) => {
                tracing::warn!(%error, "could not store a dead message, trying the message again");
                Disposition::Later(LONGEST_PAUSE)
            }
        }
    }

    /// Reports the outcome of a message to the server. Doesn't wait for a confirmation: the server
    /// redelivers a message whose acknowledgment it missed.
    pub(super) async fn acknowledge(
        &self,
        reply: Subject,
        kind: AckKind,
    ) -> Result<(), StoreError> {
        let told = self.connection.client().publish(reply, kind.into()).await;
        told.map_err(unavailable("acknowledging a message"))
    }

    fn dead_letters(&self) -> DeadLetters {
        DeadLetters::new(self.connection.clone())
    }

    /// The message of a dead letter.
    async fn original_of(
        &self,
        marker: &RetryMarker,
    ) -> Result<Option<InboundMessage>, StoreError> {
        let Some(stream) = self.dead_letters().stream_of(&marker.stream) else {
            return Ok(None);
        };
        let messages = Messages::of(&self.connection);
        let Some(message) = messages.at(stream, marker.sequence).await? else {
            return Ok(None);
        };
        Ok(Some(InboundMessage {
            stream,
            sequence: message.sequence,
            stored_at: message.time,
            raw: Arc::new(async_nats::Message {
                subject: message.subject,
                reply: None,
                payload: message.payload,
                headers: Some(as_stored(&message.headers)),
                status: None,
                description: None,
                length: 0,
            }),
        }))
    }
}

/// The span of a message in hand, or of one of the commits in it: it is part of the commit's trace,
/// and its log lines carry it.
pub(super) fn span_of_reaction(
    subscription: &'static str,
    stream: StreamName,
    origin: &Origin,
) -> Span {
    let request_id = origin.correlation_id.as_deref();
    let parent = origin.trace_parent.as_deref();
    let stream = stream.as_str();
    if !trace::is_on() {
        let trace_id = parent.and_then(trace::trace_id);
        return tracing::info_span!(
            target: trace::TARGET,
            "reaction",
            subscription,
            request_id,
            trace_id
        );
    }
    let span = tracing::info_span!(
        target: trace::TARGET,
        "reaction",
        subscription,
        request_id,
        trace_id = Empty,
        stream,
        otel.name = format!("react {subscription}"),
        otel.kind = "consumer",
    );
    trace::continue_from(&span, parent);
    let context = trace::context_of(&span);
    span.record(
        "trace_id",
        context.and_then(|context| trace::trace_id(&context)),
    );
    span
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("it didn't say why")
}
