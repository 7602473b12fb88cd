//! What becomes of one message: tried until it is done, handed back, or set aside.

use async_nats::{Subject, jetstream::AckKind};
use futures_util::FutureExt;
use std::{any::Any, future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tracing::{Instrument as _, Span, field::Empty};

use crate::{
    DeadLetter, Log, ReactError, StoreError, StreamName, commit::origin, dead_letter::RetryMarker,
    error::unavailable, lanes::Taken, meters::seconds_since, streams::DEADLETTERS, trial,
    worker::Shared,
};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A message in hand.
#[derive(Clone)]
pub(crate) struct Letter {
    pub stream: StreamName,
    pub sequence: u64,
    pub stored_at: chrono::DateTime<chrono::Utc>,
    pub message: Arc<async_nats::Message>,
}

impl Letter {
    /// What orders it: messages with the same key are handled one after the other.
    fn key(&self) -> &str {
        self.stream
            .key_of(&self.message.subject)
            .unwrap_or(&self.message.subject)
    }
}

impl<F, Fut> Shared<F>
where
    F: Fn(Log, Letter) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), ReactError>> + Send + 'static,
{
    /// Brings one message to its end: acknowledged, handed back, or set aside. Gives the next one
    /// of its lane.
    pub(crate) async fn finish(&self, key: &str, taken: &Taken) -> Option<Taken> {
        let span = self.span_of_reaction(taken.stream, &taken.message);
        let outcome = async {
            if taken.stream == DEADLETTERS {
                self.retry(key, taken).await
            } else {
                self.first_time(key, taken).await
            }
        };
        match outcome.instrument(span).await {
            Outcome::Done => self.tell(taken, AckKind::Ack).await,
            Outcome::Later(pause) => self.give_back(taken, pause).await,
            Outcome::Park => {
                let (pause, behind) = self.lanes.park(key, taken);
                self.give_back(taken, pause).await;
                for (taken, pause) in &behind {
                    self.give_back(taken, *pause).await;
                }
                return None;
            }
        }
        self.lanes.done(key, taken)
    }

    /// Lets the server deliver a message again after a time.
    pub(crate) async fn give_back(&self, taken: &Taken, pause: Duration) {
        let pause = (!pause.is_zero()).then_some(pause);
        self.tell(taken, AckKind::Nak(pause)).await;
    }

    async fn tell(&self, taken: &Taken, kind: AckKind) {
        if let Err(error) = self.log.acknowledge(taken.reply.clone(), kind).await {
            // It will be delivered again, which is harmless.
            tracing::debug!(subscription = self.subscription.name, %error, "could not acknowledge");
        }
    }

    /// The span of a message in hand: what its log lines carry, and a step of the trace that its
    /// commit is in.
    fn span_of_reaction(&self, stream: StreamName, message: &async_nats::Message) -> Span {
        let headers = message.headers.as_ref();
        let (request_id, parent) = headers.map(origin).unwrap_or_default();
        let (subscription, stream) = (self.subscription.name, stream.as_str());
        if !trace::is_on() {
            let trace_id = parent.and_then(trace::TraceParent::parse);
            let trace_id = trace_id.map(|parent| parent.trace_id());
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
        let trace_id = trace::of(&span).map(|context| context.trace_id());
        span.record("trace_id", trace_id);
        span
    }

    async fn first_time(&self, key: &str, taken: &Taken) -> Outcome {
        let letter = Letter {
            stream: taken.stream,
            sequence: taken.sequence,
            stored_at: taken.stored_at,
            message: taken.message.clone(),
        };
        match self.try_until_settled(key, taken, &letter).await {
            Settled::Done => Outcome::Done,
            Settled::Later(pause) => Outcome::Later(pause),
            Settled::Park => Outcome::Park,
            Settled::Dead { tries, error } => self.set_aside(&letter, tries, error).await,
        }
    }

    /// Tries a dead letter again, because an operator asked for it.
    async fn retry(&self, key: &str, taken: &Taken) -> Outcome {
        let Some(marker) = RetryMarker::parse(&taken.message.payload) else {
            return Outcome::Done;
        };
        let dead = match self.log.original_of(&marker).await {
            Ok(Some(letter)) => letter,
            // A due command is not kept for ever; then there is nothing left to decide on either.
            Ok(None) => return self.resolve(&marker, "its message is gone").await,
            Err(_) => return Outcome::Later(LONGEST_PAUSE),
        };
        let resolution = match self.try_until_settled(key, taken, &dead).await {
            Settled::Done => "retried",
            Settled::Later(pause) => return Outcome::Later(pause),
            Settled::Park => return Outcome::Park,
            Settled::Dead { tries, error } => {
                if let Outcome::Later(pause) = self.set_aside(&dead, tries, error).await {
                    return Outcome::Later(pause);
                }
                "failed again"
            }
        };
        self.resolve(&marker, resolution).await
    }

    async fn resolve(&self, marker: &RetryMarker, how: &str) -> Outcome {
        let resolved = self.log.resolve_dead_letter(marker.dead_letter, how);
        match resolved.await {
            Ok(()) => Outcome::Done,
            Err(_) => Outcome::Later(LONGEST_PAUSE),
        }
    }

    async fn try_until_settled(&self, key: &str, taken: &Taken, letter: &Letter) -> Settled {
        let name = self.subscription.name;
        let mut tries = 0;
        let mut pause = FIRST_PAUSE;
        let mut waits = self.lanes.was_parked(key, taken);
        let mut suspect = taken.delivered > trial::SUSPECT_AFTER && !self.lanes.has_outlived(taken);
        loop {
            let outcome = if suspect {
                match self.on_trial(taken, letter).await {
                    Ok(outcome) => outcome,
                    Err(settled) => return settled,
                }
            } else {
                self.try_once(letter.clone(), waits).await
            };
            suspect = false;
            let Some(outcome) = outcome else {
                return Settled::Later(Duration::ZERO);
            };
            match outcome {
                Ok(()) => {
                    self.meters.handled.increment(1);
                    self.meters.delay.record(seconds_since(letter.stored_at));
                    return Settled::Done;
                }
                Err(ReactError::NotYet(pause)) => return Settled::Later(pause),
                Err(ReactError::Unavailable(why)) => {
                    tracing::debug!(subscription = name, why, "waiting to handle a message");
                    if self.lanes.is_crowded() {
                        return Settled::Park;
                    }
                    waits = true;
                }
                Err(ReactError::Poison(error)) => {
                    tries += 1;
                    tracing::warn!(subscription = name, stream = %letter.stream, sequence = letter.sequence,
                        key = letter.key(), tries, error, "could not handle a message");
                    self.meters.failures.increment(1);
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

    /// One try, or none if the subscription stops before its turn.
    ///
    /// A permit is held for this one try and not during the pauses between tries, or a few
    /// messages that can't be handled would hold up all the others.
    async fn try_once(&self, letter: Letter, waits: bool) -> Option<Result<(), ReactError>> {
        let turn = async {
            let permit = self.lanes.permit(waits).await;
            (permit, trial::beside_others().await)
        };
        let _turn = tokio::select! {
            biased;
            () = self.stopping.cancelled() => return None,
            turn = turn => turn,
        };
        Some(self.handled(letter).await)
    }

    /// What the handler makes of a message.
    pub(crate) async fn handled(&self, letter: Letter) -> Result<(), ReactError> {
        // A handler that panics would end its lane, and everything behind it would wait for ever.
        let tried = AssertUnwindSafe(async { (self.handle)(self.log.clone(), letter).await });
        tried.catch_unwind().await.unwrap_or_else(|panic| {
            Err(ReactError::Poison(format!(
                "the handler panicked: {}",
                words_of(&*panic)
            )))
        })
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
                self.meters.dead.increment(1);
                Outcome::Done
            }
            Err(error) => {
                tracing::warn!(%error, "could not store a dead letter, trying the message again");
                Outcome::Later(LONGEST_PAUSE)
            }
        }
    }
}

impl Log {
    /// Tells the server what became of a message. That the server heard it isn't waited for: what
    /// it didn't hear it delivers again.
    pub(crate) async fn acknowledge(
        &self,
        reply: Subject,
        kind: AckKind,
    ) -> Result<(), StoreError> {
        let told = self.client().publish(reply, kind.into()).await;
        told.map_err(unavailable)
    }
}

fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("it didn't say why")
}

enum Outcome {
    Done,
    Later(Duration),
    /// Given back for a while, with all behind it.
    Park,
}

pub(crate) enum Settled {
    Done,
    Later(Duration),
    Park,
    Dead { tries: u32, error: String },
}
