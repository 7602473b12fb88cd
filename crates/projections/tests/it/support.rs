//! Counters in two streams, and a read model of both.

use chrono::Utc;
use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use eventstore::{Commit, Log, LogConfig, Metadata, StreamName};
use mongodb::bson::{Document, doc};
use projections::{Change, FoldError, Index, Projection, RunnerSettings, mongodb};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, time::Duration};
use uuid::Uuid;

pub const LEFT: StreamName = StreamName::new("LEFT");
pub const RIGHT: StreamName = StreamName::new("RIGHT");

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum CounterEvent {
    Created { name: String },
    Set { value: i64 },
    Removed,
}

impl DomainEvent for CounterEvent {
    fn event_type(&self) -> String {
        match self {
            Self::Created { .. } => "Created".to_owned(),
            Self::Set { .. } => "Set".to_owned(),
            Self::Removed => "Removed".to_owned(),
        }
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

pub fn created(name: &str) -> CounterEvent {
    CounterEvent::Created {
        name: name.to_owned(),
    }
}

pub fn set(value: i64) -> CounterEvent {
    CounterEvent::Set { value }
}

/// For commits without a server.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Counter;

impl Aggregate for Counter {
    const TYPE: &'static str = "counter";
    type Command = ();
    type Event = CounterEvent;
    type Error = std::fmt::Error;
    type Services = ();

    async fn handle(&mut self, (): (), (): &(), _: &EventSink<Self>) -> Result<(), Self::Error> {
        Ok(())
    }

    fn apply(&mut self, _: CounterEvent) {}
}

/// One document for each counter, by its name: two streams can collide.
#[derive(Clone, Copy, Debug)]
pub struct Counters {
    pub version: u32,
    pub streams: &'static [StreamName],
}

pub const COUNTERS: Counters = Counters {
    version: 1,
    streams: &[LEFT, RIGHT],
};

impl Projection for Counters {
    fn name(&self) -> &'static str {
        "counters"
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn streams(&self) -> Vec<StreamName> {
        self.streams.to_vec()
    }

    fn indexes(&self) -> Vec<Index> {
        Vec::new()
    }

    fn fold(&self, commit: &Commit) -> Result<Vec<Change>, FoldError> {
        let events = commit
            .decode::<CounterEvent>()
            .map_err(|error| FoldError::of(commit, error.to_string()))?;
        let change = |event| {
            let id = commit.aggregate_id.as_str().into();
            match event {
                CounterEvent::Created { name } => Change::Put {
                    id,
                    doc: doc! { "name": name, "value": 0_i64 },
                },
                CounterEvent::Set { value } => Change::Patch {
                    id,
                    set: doc! { "value": value },
                },
                CounterEvent::Removed => Change::Delete { id },
            }
        };
        Ok(events.into_iter().map(|(_, event)| change(event)).collect())
    }
}

/// A document of a read model of two streams.
pub fn stored(id: &str, value: i64, (stream, sequence): (StreamName, i64)) -> Document {
    doc! { "_id": id, "name": id, "value": value, "_stream": stream.as_str(), "seq": sequence }
}

/// Appends to both streams.
pub struct Writer {
    pub log: Log,
    heads: HashMap<(StreamName, String), (u64, u64)>,
}

impl Writer {
    pub async fn connect(url: &str) -> Self {
        let log = open(url).await;
        let heads = HashMap::new();
        Self { log, heads }
    }

    /// Appends one commit; returns its sequence.
    pub async fn append(&mut self, stream: StreamName, id: &str, event: CounterEvent) -> u64 {
        let head = self.heads.entry((stream, id.to_owned())).or_default();
        let metadata = Metadata::of_request(Uuid::new_v4(), "test", "tester", Utc::now());
        let importer = self.log.importer();
        let (counter, events) = (("counter", id), [event]);
        let sequence = importer
            .append_events(stream, counter, head.0, &events, &metadata, head.1)
            .await
            .unwrap();
        *head = (head.0 + 1, sequence);
        sequence
    }

    /// Forgets what the log has lost.
    pub fn forget(&mut self, stream: StreamName, id: &str) {
        self.heads.remove(&(stream, id.to_owned()));
    }
}

/// A connection to the log, as a process has it.
pub async fn open(url: &str) -> Log {
    let config = LogConfig {
        url: url.to_owned(),
        event_streams: vec![LEFT, RIGHT],
        ..LogConfig::default()
    };
    Log::open(config).await.unwrap()
}

/// Short times, so that a test doesn't wait.
pub fn quick() -> RunnerSettings {
    RunnerSettings {
        lease: Duration::from_millis(1_500),
        renew: Duration::from_millis(200),
        stand_by: Duration::from_millis(100),
        checkpoint: Duration::from_millis(20),
        pause: Duration::from_millis(50),
        pause_max: Duration::from_millis(200),
        ..RunnerSettings::default()
    }
}
