//! Adapts a store to cqrs-es's framework.

use cqrs_es::{Aggregate, AggregateError, EventEnvelope, EventStore};
use std::collections::HashMap;
use uuid::Uuid;

use super::{Loaded, Store};
use crate::{
    Metadata,
    commit::{UnsavedCommit, UnsavedMessage},
    connection::Appended,
};

/// For [`cqrs_es::CqrsFramework`], and other code that is written against the trait.
///
/// Its `commit` tries once: [`Store::execute`] adds retries, and recognizes a repeated command.
/// Give the framework no queries: they would run in this process after the commit and be lost in a
/// crash; read models follow the log instead.
///
/// Metadata is read from the keys `command_id`, `correlation_id`, `causation_id` (UUIDs) and
/// `actor`; missing values are generated. A missing `command_id` is a different one at each try, so
/// that a repeated command takes effect again: callers that may repeat a command must supply it.
///
/// Faults become [`AggregateError::AggregateConflict`] (another writer was faster: load and decide
/// again), [`AggregateError::DatabaseConnectionError`] (unavailable, outcome unknown),
/// [`AggregateError::DeserializationError`] (the log can't be read) or
/// [`AggregateError::UnexpectedError`]; the last three contain a [`StoreError`](crate::StoreError).
impl<A> EventStore<A> for Store<A>
where
    A: Aggregate<Services = ()> + Clone + 'static,
    A::Command: Send,
    A::Error: Send,
{
    type AC = Loaded<A>;

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

    async fn load_aggregate(&self, id: &str) -> Result<Loaded<A>, AggregateError<A::Error>> {
        Ok(self.load(id).await?)
    }

    async fn commit(
        &self,
        events: Vec<A::Event>,
        context: Loaded<A>,
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
        let commit = UnsavedCommit::encode(&events, &metadata)?;
        let message = UnsavedMessage::of_one(A::TYPE, context.version, &commit)?;
        let (id, subject) = (commit.id, self.subject(&context.id));
        let appended = self.connection.append(subject, message, context.basis());
        match appended.await? {
            Appended::Conflict => Err(AggregateError::AggregateConflict),
            Appended::Stored(sequence) => {
                let correlation = &metadata.correlation_id;
                self.connection
                    .tails()
                    .note(self.stream, sequence, [(0, id, &**correlation)]);
                Ok((context.version..)
                    .zip(events)
                    .map(|(version, event)| envelope(&context.id, version, event, &metadata))
                    .collect())
            }
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
