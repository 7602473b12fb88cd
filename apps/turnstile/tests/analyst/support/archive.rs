//! A log that a test writes commit by commit, with its own IDs and times. No command could: the
//! commits of a running system have random IDs and the current time.

use async_nats::jetstream::{self, message::PublishMessage};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use domain::{Price, TicketId, Title, UserId, ticket::TicketEvent};
use event_streams::TICKETS;
use eventstore::{Log, StreamName};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use testkit::Nats;
use uuid::Uuid;

/// A log with a server of its own.
pub struct Archive {
    pub nats: Nats,
    context: jetstream::Context,
    versions: HashMap<(StreamName, Uuid), u64>,
    commits: u128,
}

/// A commit to be written.
#[derive(Clone, Debug)]
pub struct Draft {
    pub stream: StreamName,
    pub aggregate: Uuid,
    pub time: DateTime<Utc>,
    pub actor: String,
    pub request: String,
    pub cause: Option<Uuid>,
    pub events: Vec<Value>,
    /// The version in the header, if it differs from the right one.
    pub version: Option<u64>,
}

impl Archive {
    /// A log with nothing in it.
    pub async fn start() -> Self {
        Self::on(Nats::start().await).await
    }

    /// A log on this server.
    pub async fn on(nats: Nats) -> Self {
        Log::open(event_streams::config_at(nats.url()))
            .await
            .unwrap();
        let client = async_nats::connect(nats.url()).await.unwrap();
        Self {
            nats,
            context: jetstream::new(client),
            versions: HashMap::new(),
            commits: 0,
        }
    }

    pub fn url(&self) -> &str {
        self.nats.url()
    }

    /// Writes a commit; returns its ID, which is its number.
    pub async fn commit(&mut self, draft: &Draft) -> Uuid {
        self.commits += 1;
        let commit = Uuid::from_u128(self.commits);
        let key = (draft.stream, draft.aggregate);
        let next = self.versions.entry(key).or_default();
        let version = draft.version.unwrap_or(*next);
        *next = version + draft.events.len() as u64;
        let message = self.message_of(draft, version);
        let subject = format!("{}.{}", draft.stream, draft.aggregate);
        let sent = self.context.send_publish(subject, message).await.unwrap();
        sent.await.unwrap();
        commit
    }

    fn message_of(&self, draft: &Draft, version: u64) -> PublishMessage {
        let commit = Uuid::from_u128(self.commits);
        let command = Uuid::from_u128(1_000_000 + self.commits);
        let kind = match draft.stream.as_str() {
            "USERS" => "user",
            "TICKETS" => "ticket",
            "ORDERS" => "ticket-orders",
            _ => "payment",
        };
        let time = draft.time.to_rfc3339_opts(SecondsFormat::Micros, true);
        let payload = json!({ "events": draft.events }).to_string();
        let mut message = PublishMessage::build()
            .payload(payload.into())
            .header("Commit-Id", commit.to_string().as_str())
            .header("Aggregate-Type", kind)
            .header("Aggregate-Version", version.to_string().as_str())
            .header("Command-Id", command.to_string().as_str())
            .header("Correlation-Id", draft.request.as_str())
            .header("Actor", draft.actor.as_str())
            .header("Commit-Time", time.as_str());
        if let Some(cause) = draft.cause {
            message = message.header("Causation-Id", cause.to_string().as_str());
        }
        message
    }

    /// Writes this number of commits fast: listings one second apart.
    pub async fn listings(&mut self, count: u128) {
        let begin = super::moment(1, 0, 0);
        let mut sent = Vec::new();
        for n in 0..count {
            self.commits += 1;
            let ticket = super::id(9, self.commits);
            let listed = TicketEvent::TicketListed {
                ticket_id: TicketId(ticket),
                seller: UserId(super::id(6, n % 10)),
                title: Title::parse(&format!("Seat {n}")).unwrap(),
                price: Price::from_cents(1_000).unwrap(),
            };
            let draft = Draft {
                stream: TICKETS,
                aggregate: ticket,
                time: begin + TimeDelta::seconds(i64::try_from(n).unwrap()),
                actor: "somebody".to_owned(),
                request: format!("listing-{n}"),
                cause: None,
                events: vec![event(&listed)],
                version: Some(0),
            };
            let message = self.message_of(&draft, 0);
            let subject = format!("TICKETS.{ticket}");
            sent.push(self.context.send_publish(subject, message).await.unwrap());
            if sent.len() == 256 {
                for acknowledgment in sent.drain(..) {
                    acknowledgment.await.unwrap();
                }
            }
        }
        for acknowledgment in sent {
            acknowledgment.await.unwrap();
        }
    }

    /// Writes a message with the headers of a commit and any payload.
    pub async fn message(&mut self, stream: StreamName, aggregate: Uuid, payload: &str) {
        self.commits += 1;
        let draft = Draft {
            stream,
            aggregate,
            time: super::moment(5, 12, 0),
            actor: "somebody".to_owned(),
            request: "damaged".to_owned(),
            cause: None,
            events: Vec::new(),
            version: None,
        };
        let message = self
            .message_of(&draft, 0)
            .payload(payload.to_owned().into());
        let subject = format!("{stream}.{aggregate}");
        let sent = self.context.send_publish(subject, message).await.unwrap();
        sent.await.unwrap();
    }

    /// Writes a message that is no commit.
    pub async fn garbage(&mut self, stream: StreamName) {
        let subject = format!("{stream}.{}", Uuid::from_u128(99));
        let sent = self.context.publish(subject, "garbage".into()).await;
        sent.unwrap().await.unwrap();
    }

    /// The names of all durable consumers of a stream.
    pub async fn durables(&self, stream: StreamName) -> Vec<String> {
        use futures_util::TryStreamExt as _;
        let stream = self.context.get_stream(stream.as_str()).await.unwrap();
        let consumers: Vec<_> = stream.consumers().try_collect().await.unwrap();
        let durables = consumers
            .into_iter()
            .filter_map(|info| info.config.durable_name);
        durables.collect()
    }
}

/// An event as it is stored.
pub fn event(event: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(event).unwrap();
    value["version"] = "1.0".into();
    value
}
