//! Compares the existing streams with those that this release needs, and migrates them.

mod difference;

use async_nats::jetstream::{
    self, consumer,
    stream::{Config, Info},
};
use futures_util::TryStreamExt;
use serde::Serialize;
use std::time::Duration;

use super::stream_settings;
use crate::{StoreError, StreamName, connection::Connection, error::unavailable};

/// Time limit for one answer: a stream that gets more copies is moved between servers.
const PATIENCE: Duration = Duration::from_secs(30);

/// One stream as it is, and the changes that would make it as it should be.
#[derive(Clone, Debug, Serialize)]
pub struct StreamPlan {
    /// Its name.
    pub stream: StreamName,
    /// The stream as it exists; `None` if it is missing.
    pub found: Option<StreamInfo>,
    /// Changes that lose nothing.
    pub changes: Vec<StreamChange>,
    /// Differences that can't be changed without a risk for the data, in words.
    pub refusals: Vec<String>,
    #[serde(skip)]
    becomes: Config,
}

/// The state of a stream.
#[derive(Clone, Debug, Serialize)]
pub struct StreamInfo {
    /// Number of messages.
    pub messages: u64,
    /// Their size, in bytes.
    pub bytes: u64,
    /// The sequence of the oldest message.
    pub first_sequence: u64,
    /// The sequence of the newest message.
    pub last_sequence: u64,
    /// Number of copies.
    pub replicas: usize,
    /// The server that leads the stream, in a cluster.
    pub leader: Option<String>,
    /// Servers whose copy can't be used right now, and how far each is behind.
    pub behind: Vec<String>,
    /// Its durable consumers.
    pub consumers: Vec<ConsumerInfo>,
}

/// The state of a durable consumer.
#[derive(Clone, Debug, Serialize)]
pub struct ConsumerInfo {
    /// The name: that of a subscription.
    pub name: String,
    /// Messages that were not delivered yet.
    pub pending: u64,
    /// Messages that were delivered and not acknowledged.
    pub in_hand: usize,
    /// Open requests for messages: without any, no worker is running.
    pub waiting: usize,
}

/// A setting that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StreamChange {
    /// Its name in NATS.
    pub setting: &'static str,
    /// The current value.
    pub from: String,
    /// The wanted value.
    pub to: String,
}

impl StreamPlan {
    /// Whether the stream is as it should be.
    pub fn is_settled(&self) -> bool {
        self.found.is_some() && self.changes.is_empty() && self.refusals.is_empty()
    }

    /// Allows a missing stream to be created although others hold messages: an operator has
    /// confirmed that it never existed, or that its contents are given up.
    pub fn create_on_purpose(&mut self) {
        if self.found.is_none() {
            self.refusals.clear();
        }
    }
}

/// Every stream, as it is and as this release and its configuration need it.
pub(super) async fn plans(connection: &Connection) -> Result<Vec<StreamPlan>, StoreError> {
    let jetstream = connection.patient_jetstream(PATIENCE);
    let config = connection.config();
    let mut plans = Vec::new();
    for (name, wanted) in stream_settings::all(config) {
        plans.push(plan(&jetstream, name, wanted).await?);
    }
    refuse_what_was_lost(&mut plans);
    Ok(plans)
}

/// The durable consumers that wait for messages now.
pub(crate) async fn active_consumers(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let plans = plans(connection).await?.into_iter();
    let consumers = plans
        .filter_map(|plan| plan.found)
        .flat_map(|found| found.consumers);
    // Unacknowledged messages prove nothing: a killed process leaves some behind.
    let busy = consumers.filter(|consumer| consumer.waiting > 0);
    Ok(busy.map(|consumer| consumer.name).collect())
}

/// Carries out a plan.
pub(super) async fn migrate(connection: &Connection, plan: &StreamPlan) -> Result<(), StoreError> {
    if let Some(refusal) = plan.refusals.first() {
        return Err(StoreError::StreamMismatch {
            stream: plan.stream,
            difference: refusal.clone(),
        });
    }
    let jetstream = connection.patient_jetstream(PATIENCE);
    if plan.found.is_none() {
        jetstream
            .create_stream(plan.becomes.clone())
            .await
            .map_err(unavailable("creating a stream"))?;
    } else if !plan.changes.is_empty() {
        jetstream
            .update_stream(plan.becomes.clone())
            .await
            .map_err(unavailable("changing a stream's settings"))?;
    }
    Ok(())
}

/// A stream that is missing while another holds messages was lost, unless this release is the first
/// that has it. An empty one in its place would hide the loss, so an operator has to ask for it.
fn refuse_what_was_lost(plans: &mut [StreamPlan]) {
    let holds = |plan: &StreamPlan| {
        let found = plan.found.as_ref();
        found.is_some_and(|found| found.last_sequence > 0)
    };
    let Some(other) = plans.iter().find(|plan| holds(plan)) else {
        return;
    };
    let other = other.stream;
    for plan in plans.iter_mut().filter(|plan| plan.found.is_none()) {
        plan.refusals.push(format!(
            "it is missing while {other} holds messages: if it was lost, put it back from a backup"
        ));
    }
}

async fn plan(
    jetstream: &jetstream::Context,
    stream: StreamName,
    wanted: Config,
) -> Result<StreamPlan, StoreError> {
    use async_nats::jetstream::context::GetStreamErrorKind;
    let handle = match jetstream.get_stream(stream.on_server()).await {
        Ok(handle) => handle,
        Err(error) => {
            return match error.kind() {
                GetStreamErrorKind::JetStream(error) if error.code() == 404 => Ok(StreamPlan {
                    stream,
                    found: None,
                    changes: Vec::new(),
                    refusals: Vec::new(),
                    becomes: wanted,
                }),
                _ => Err(unavailable("looking for a stream")(error)),
            };
        }
    };
    let mut consumers = Vec::new();
    let mut listed = handle.consumers();
    while let Some(info) = listed
        .try_next()
        .await
        .map_err(unavailable("listing a stream's consumers"))?
    {
        consumers.extend(durable(info));
    }
    consumers.sort_by(|a, b| a.name.cmp(&b.name));
    let info = handle.cached_info();
    let mut becomes = info.config.clone();
    let (changes, refusals) = difference::compare(&wanted, &mut becomes);
    Ok(StreamPlan {
        stream,
        found: Some(facts(info, consumers)),
        changes,
        refusals,
        becomes,
    })
}

fn durable(info: consumer::Info) -> Option<ConsumerInfo> {
    info.config.durable_name.as_ref()?;
    Some(ConsumerInfo {
        name: info.name,
        pending: info.num_pending,
        in_hand: info.num_ack_pending,
        waiting: info.num_waiting,
    })
}

fn facts(info: &Info, consumers: Vec<ConsumerInfo>) -> StreamInfo {
    let cluster = info.cluster.as_ref();
    let followers = cluster.iter().flat_map(|cluster| &cluster.replicas);
    let behind = followers.filter(|peer| !peer.current || peer.offline);
    StreamInfo {
        messages: info.state.messages,
        bytes: info.state.bytes,
        first_sequence: info.state.first_sequence,
        last_sequence: info.state.last_sequence,
        replicas: info.config.num_replicas,
        leader: cluster.and_then(|cluster| cluster.leader.clone()),
        behind: behind
            .map(|peer| match (peer.offline, peer.lag) {
                (true, _) => format!("{} is away", peer.name),
                (false, lag) => format!("{} is {} behind", peer.name, lag.unwrap_or_default()),
            })
            .collect(),
        consumers,
    }
}
