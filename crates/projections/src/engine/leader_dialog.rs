//! Asking the process that folds how far it is, for all reads of this process, and answering where
//! this one folds. What for: see [`crate::engine::leader_query`].

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::{
    Projection,
    engine::{channel::subscribe, context::ProjectionContext, leader_query::ANSWER},
};

/// How long nobody is asked after there was no answer: nobody folds, or NATS is away.
const SILENCE: Duration = Duration::from_secs(1);

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

/// The questions and answers of one process.
pub(crate) struct LeaderDialog<P> {
    context: Arc<ProjectionContext<P>>,
}

impl<P: Projection> LeaderDialog<P> {
    pub fn new(context: &Arc<ProjectionContext<P>>) -> Self {
        Self {
            context: Arc::clone(context),
        }
    }

    /// Asks for the reads of this process, for ever.
    pub async fn ask(self) {
        let leader_query = self.context.progress.leader_query();
        let mut wanted = leader_query.wanted();
        let mut answers = Box::pin(subscribe(&self.context.log, &self.answer_topic()).await);
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
            leader_query.resolve(up_to, applied);
        }
    }

    async fn ask_once(
        &self,
        number: u64,
        answers: &mut (impl Stream<Item = Bytes> + Unpin),
    ) -> Option<u64> {
        let from = self.context.holder;
        let question = serde_json::to_vec(&Question { from, number }).ok()?;
        self.context
            .log
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
                if answer.to == self.context.holder && answer.number == number {
                    return Some(answer.applied);
                }
            }
        };
        timeout(ANSWER, answer).await.ok().flatten()
    }

    /// Answers the questions of others while this process folds, for ever.
    pub async fn answer(self) {
        loop {
            let mut questions =
                Box::pin(subscribe(&self.context.log, &self.question_topic()).await);
            while let Some(question) = questions.next().await {
                // A new holder may have told less so far than the one before it. Who isn't answered
                // reads the database, which is right.
                if !self.context.progress.may_answer() {
                    continue;
                }
                let Ok(question) = serde_json::from_slice::<Question>(&question) else {
                    continue;
                };
                let answer = Answer {
                    to: question.from,
                    number: question.number,
                    applied: self.context.progress.applied(),
                };
                if let Ok(answer) = serde_json::to_vec(&answer) {
                    // Who isn't answered reads the database.
                    let _ = self
                        .context
                        .log
                        .pubsub()
                        .broadcast(&self.answer_topic(), answer)
                        .await;
                }
            }
        }
    }

    fn question_topic(&self) -> String {
        question_topic(&self.context.topic)
    }

    fn answer_topic(&self) -> String {
        answer_topic(&self.context.topic)
    }
}
