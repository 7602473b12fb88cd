//! Counts the tails that the streams of a projection lost.

use eventstore::{Log, StreamName};
use futures_util::future::select_all;
use tokio::sync::watch;

/// The epochs of several streams as one number, which rises with each.
#[derive(Clone, Debug)]
pub(crate) struct Epochs(Vec<watch::Receiver<u64>>);

impl Epochs {
    pub fn of(log: &Log, streams: &[StreamName]) -> Self {
        let tails = log.tails();
        Self(streams.iter().map(|stream| tails.epochs(*stream)).collect())
    }

    #[cfg(test)]
    pub fn counted_by(epochs: watch::Receiver<u64>) -> Self {
        Self(vec![epochs])
    }

    /// The number now.
    pub fn now(&self) -> u64 {
        self.0.iter().map(|epoch| *epoch.borrow()).sum()
    }

    /// The number now, from which [`Epochs::changed`] counts.
    pub fn mark(&mut self) -> u64 {
        let epochs = self.0.iter_mut();
        epochs.map(|epoch| *epoch.borrow_and_update()).sum()
    }

    /// Waits until a stream loses its tail.
    pub async fn changed(&mut self) {
        if self.0.is_empty() {
            return std::future::pending().await;
        }
        let changes = self.0.iter_mut().map(|epoch| Box::pin(epoch.changed()));
        if let (Err(_), ..) = select_all(changes).await {
            // The log is gone, and nothing can be lost any more.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test has nobody to hand an error to")]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};
    use eventstore::{LogConfig, Metadata};
    use serde::{Deserialize, Serialize};
    use testkit::{LONG, Nats, eventually};
    use uuid::Uuid;

    const STREAMS: [StreamName; 2] = [StreamName::new("A"), StreamName::new("B")];

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "type", content = "data")]
    enum Event {
        Created,
    }

    impl cqrs_es::DomainEvent for Event {
        fn event_type(&self) -> String {
            "Created".to_owned()
        }

        fn event_version(&self) -> String {
            "1.0".to_owned()
        }
    }

    #[tokio::test]
    async fn a_tail_that_any_of_the_streams_lost_begins_another_epoch() {
        for stream in STREAMS {
            let nats = Nats::start().await;
            let log = Log::open(LogConfig {
                url: nats.url().to_owned(),
                event_streams: STREAMS.to_vec(),
                ..LogConfig::default()
            });
            let log = log.await.unwrap();
            let time: DateTime<Utc> = DateTime::UNIX_EPOCH;
            let metadata = Metadata::of_request(Uuid::new_v4(), "test", "tester", time);
            let append = |id: &'static str| {
                let (log, metadata) = (log.clone(), metadata.clone());
                async move {
                    let events = [Event::Created];
                    let importer = log.importer();
                    importer
                        .append_events(stream, ("thing", id), 0, &events, &metadata, 0)
                        .await
                        .unwrap()
                }
            };
            append("kept").await;
            let copy = nats.copy_disk().await;
            eventually("the log answers", LONG, || log.ping()).await;
            append("lost").await;
            let mut epochs = Epochs::of(&log, &STREAMS);
            let before = epochs.mark();
            nats.lose_tail_of(stream.as_str(), &copy).await;
            let changed = tokio::time::timeout(LONG, epochs.changed());
            assert!(changed.await.is_ok(), "{stream}");
            assert!(epochs.now() > before);
        }
    }
}
