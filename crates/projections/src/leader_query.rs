//! Letting a process that doesn't fold answer from memory.
//!
//! What it keeps is only as new as the announcements that reached it, and one may be on its way
//! while somebody else was told already that a command took effect. So before such a read the one
//! who folds is asked how far it is; whatever was acknowledged before the read began is within
//! that. The reads of a moment share one question, so it costs a round trip and hardly any
//! throughput. No answer means that the database is read instead, which always knows.

use bytes::Bytes;
use eventstore::Log;
use futures_util::{Stream, StreamExt};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use uuid::Uuid;

use crate::{Projection, runner::ProjectionContext};

/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_millis(100);
/// How long nobody is asked after there was no answer: nobody folds, or NATS is away.
const SILENCE: Duration = Duration::from_secs(1);
/// Pause before subscribing again.
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Serialize, Deserialize)]
struct Question {
    from: Uuid,
    number: u64,
}

#[derive(Serialize, Deserialize)]
struct Answer {
    to: Uuid,
    number: u64,
    applied: u64,
}

/// Where it is asked how far a projection is.
fn question_topic(topic: &str) -> String {
    format!("{topic}-asked")
}

/// Where the one who folds answers.
fn answer_topic(topic: &str) -> String {
    format!("{topic}-told")
}

/// Reads that want to know how far the one who folds is.
#[derive(Debug)]
pub(crate) struct LeaderQuery {
    /// Counts reads.
    wanted: watch::Sender<u64>,
    /// What is known of the reads up to a number.
    known: watch::Sender<Known>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    up_to: u64,
    /// How far the one who folds was after those reads began; `None` if it didn't say.
    applied: Option<u64>,
}

impl Default for LeaderQuery {
    fn default() -> Self {
        Self {
            wanted: watch::Sender::new(0),
            known: watch::Sender::new(Known::default()),
        }
    }
}

impl LeaderQuery {
    /// How far the one who folds is, asked after this call began; `None` if it doesn't say.
    pub async fn ask(&self) -> Option<u64> {
        let mut known = self.known.subscribe();
        let mut mine = 0;
        self.wanted.send_modify(|wanted| {
            *wanted += 1;
            mine = *wanted;
        });
        let known = known.wait_for(|known| known.up_to >= mine);
        // The one who asks answers within its own bound; this is for its end.
        let known = timeout(ANSWER * 3, known).await.ok()?.ok()?;
        known.applied
    }
}

impl<P: Projection> ProjectionContext<P> {
    /// Asks for the reads of this process, for ever.
    pub(crate) async fn ask(self: Arc<Self>) {
        let leader_query = self.progress.leader_query();
        let mut wanted = leader_query.wanted.subscribe();
        let mut answers = Box::pin(subscribe(&self.log, &self.answer_topic()).await);
        let mut silent_until = Instant::now();
        let mut number = 0;
        while wanted.changed().await.is_ok() {
            // Who wants to know from now on is served by the next question.
            let up_to = *wanted.borrow_and_update();
            let mut applied = None;
            if Instant::now() >= silent_until {
                number += 1;
                applied = self.ask_once(number, &mut answers).await;
                if applied.is_none() {
                    silent_until = Instant::now() + SILENCE;
                }
            }
            leader_query.known.send_replace(Known { up_to, applied });
        }
    }

    async fn ask_once(
        &self,
        number: u64,
        answers: &mut (impl Stream<Item = Bytes> + Unpin),
    ) -> Option<u64> {
        let from = self.holder;
        let question = serde_json::to_vec(&Question { from, number }).ok()?;
        self.log
            .pubsub()
            .broadcast(&self.question_topic(), question)
            .await
            .ok()?;
        let answer = async {
            loop {
                let answer: Answer = match serde_json::from_slice(&answers.next().await?) {
                    Ok(answer) => answer,
                    Err(_) => continue,
                };
                if answer.to == self.holder && answer.number == number {
                    return Some(answer.applied);
                }
            }
        };
        timeout(ANSWER, answer).await.ok().flatten()
    }

    /// Answers the questions of others while this process folds, for ever.
    pub(crate) async fn answer(self: Arc<Self>) {
        loop {
            let mut questions = Box::pin(subscribe(&self.log, &self.question_topic()).await);
            while let Some(question) = questions.next().await {
                // A new holder may have told less so far than the one before it. Who isn't answered
                // reads the database, which is right.
                if !self.progress.may_answer() {
                    continue;
                }
                let Ok(question) = serde_json::from_slice::<Question>(&question) else {
                    continue;
                };
                let answer = Answer {
                    to: question.from,
                    number: question.number,
                    applied: self.progress.applied(),
                };
                if let Ok(answer) = serde_json::to_vec(&answer) {
                    // Who isn't answered reads the database.
                    let _ = self
                        .log
                        .pubsub()
                        .broadcast(&self.answer_topic(), answer)
                        .await;
                }
            }
        }
    }

    fn question_topic(&self) -> String {
        question_topic(&self.topic)
    }

    fn answer_topic(&self) -> String {
        answer_topic(&self.topic)
    }
}

/// Listens to a topic, as soon as that is possible.
pub(crate) async fn subscribe(log: &Log, topic: &str) -> impl Stream<Item = Bytes> + Send + use<> {
    loop {
        match log.pubsub().subscribe(topic).await {
            Ok(announcements) => return announcements,
            Err(error) => {
                tracing::debug!(topic, %error, "can't listen, trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
