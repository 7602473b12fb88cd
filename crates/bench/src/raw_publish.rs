//! The limit for commands: publishing to JetStream with an acknowledgment and an expectation, and
//! nothing else.
//!
//! It has its own stream, since its messages are no commits.

use anyhow::{Context, Result};
use async_nats::jetstream::{
    self,
    message::PublishMessage,
    stream::{Config, DiscardPolicy, StorageType},
};
use bytes::Bytes;
use std::time::{Duration, Instant};
use uuid::Uuid;

use crate::{load::CONNECTIONS, sample::Sample};

const STREAM: &str = "RAW";

/// A connection for publishing.
pub struct RawPublisher {
    jetstream: jetstream::Context,
}

impl RawPublisher {
    /// Connects, and creates a stream like those of the log.
    pub async fn connect(url: &str) -> Result<Self> {
        let client = async_nats::connect(url)
            .await
            .context("the raw publisher")?;
        let jetstream = jetstream::new(client);
        jetstream
            .get_or_create_stream(Config {
                name: STREAM.to_owned(),
                subjects: vec![format!("{STREAM}.*")],
                storage: StorageType::File,
                discard: DiscardPolicy::New,
                deny_delete: true,
                deny_purge: true,
                allow_direct: true,
                ..Config::default()
            })
            .await?;
        Ok(Self { jetstream })
    }

    /// Publishes for this time, with as many messages in flight as the load has connections.
    pub async fn run(&self, duration: Duration) -> Result<Sample> {
        let payload = payload();
        let end = Instant::now() + duration;
        let tasks: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let jetstream = self.jetstream.clone();
                tokio::spawn(publish(jetstream, payload.clone(), end))
            })
            .collect();
        let mut all = Sample::default();
        for task in tasks {
            all.merge(task.await?);
        }
        all.took = duration;
        Ok(all)
    }
}

async fn publish(jetstream: jetstream::Context, payload: Bytes, end: Instant) -> Sample {
    let mut sample = Sample::default();
    let mut began = Instant::now();
    while began < end {
        let message = PublishMessage::build()
            .payload(payload.clone())
            .expected_last_subject_sequence(0);
        let subject = format!("{STREAM}.{}", Uuid::new_v4());
        let acknowledged = match jetstream.send_publish(subject, message).await {
            Ok(acknowledgement) => acknowledgement.await,
            Err(error) => Err(error),
        };
        let now = Instant::now();
        match acknowledged {
            Ok(_) if now < end => sample.right(now - began),
            Ok(_) => {}
            Err(error) => sample.wrong(|| format!("raw publish: {error}")),
        }
        began = now;
    }
    sample
}

/// A listed ticket as it is stored in the log.
fn payload() -> Bytes {
    let (id, seller) = (Uuid::new_v4(), Uuid::new_v4());
    let json = format!(
        r#"{{"v":2,"type":"ticket","at":0,"commits":[{{"id":"{id}","command":"{id}","correlation":"{id}","actor":"{seller}","time":"2026-01-01T00:00:00.000000Z","events":[{{"version":"1.0","type":"TicketListed","data":{{"ticket_id":"{id}","seller":"{seller}","title":"Turnstile at the Roundhouse, row 12","price":4250}}}}]}}]}}"#
    );
    json.into()
}
