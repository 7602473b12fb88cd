//! Asks the leader how far it is, for all reads of this process, and answers if this process leads.
//! [`crate::engine::leader_query`] states the purpose.

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::{
    Position, Projection,
    engine::{channel::subscribe, context::ProjectionContext, leader_query::ANSWER},
};

/// Pause after a question without an answer: no process leads, or NATS is down.
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
    applied: Position,
}

/// The topic for questions about a projection's progress.
fn question_topic(topic: &str) -> String {
    format!("{topic}-asked")
}

/// The topic for the leader's answers.
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

    /// Asks for the reads of this process, forever.
    pub async fn ask(self) {
        let leader_query = self.context.progress.leader_query();
        let mut wanted = leader_query.wanted();
        let mut answers = Box::pin(subscribe(&self.context.log, &self.answer_topic()).await);
        let mut silent_until = Instant::now();
        let mut number = 0;
        while wanted.changed().await.is_ok() {
            // Later reads are served by the next question.
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
    ) -> Option<Position> {
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

    /// Answers the questions of others while this process leads, forever.
    pub async fn answer(self) {
        loop {
            let mut questions =
                Box::pin(subscribe(&self.context.log, &self.question_topic()).await);
            while let Some(question) = questions.next().await {
                // A new leader may have announced less so far than the previous one. A process
                // without an answer reads the database, which is correct.
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
                    // A process without an answer reads the database.
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
