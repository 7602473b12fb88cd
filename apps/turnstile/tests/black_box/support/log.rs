//! The event log as another service would read it.

use async_nats::jetstream;
use serde_json::Value;

use super::Site;

/// One commit: the events of one command on one aggregate.
#[derive(Debug)]
pub struct Commit {
    /// The version of the aggregate before its first event.
    pub version: u64,
    /// ID of the commit, of the command, and of the original request.
    pub id: String,
    pub command: String,
    pub correlation: String,
    /// The types of its events, in order.
    pub types: Vec<String>,
    /// The events' fields.
    pub data: Vec<Value>,
}

impl Site {
    /// All commits of an aggregate, in order.
    pub async fn commits(&self, stream: &str, aggregate: &str) -> Vec<Commit> {
        let client = async_nats::connect(self.nats.url()).await.unwrap();
        let context = jetstream::new(client);
        let mut log = context.get_stream(stream).await.unwrap();
        let last = log.info().await.unwrap().state.last_sequence;
        let mut commits = Vec::new();
        for sequence in 1..=last {
            let message = log.get_raw_message(sequence).await.unwrap();
            if *message.subject != format!("{stream}.{aggregate}") {
                continue;
            }
            let payload: Value = serde_json::from_slice(&message.payload).unwrap();
            assert_eq!(payload["v"], 2);
            let mut version = payload["at"].as_u64().unwrap();
            for commit in payload["commits"].as_array().unwrap() {
                let text = |name: &str| commit[name].as_str().unwrap().to_owned();
                let events = commit["events"].as_array().unwrap();
                commits.push(Commit {
                    version,
                    id: text("id"),
                    command: text("command"),
                    correlation: text("correlation"),
                    types: events
                        .iter()
                        .map(|event| event["type"].as_str().unwrap().to_owned())
                        .collect(),
                    data: events.iter().map(|event| event["data"].clone()).collect(),
                });
                version += events.len() as u64;
            }
        }
        commits
    }
}
