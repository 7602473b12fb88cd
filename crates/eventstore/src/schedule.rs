//! Commands that fall due later, kept by the server and not by a process.
//!
//! JetStream's message schedules (NATS ADR-51) hold a command and publish it at its time, even if
//! everything was down at that moment. There is one schedule per subject, so scheduling the same
//! command again replaces it.

use async_nats::{HeaderMap, header};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    Commit, StoreError,
    connection::Connection,
    error::encode,
    stream_name::COMMANDS,
    subject::{Subject, check_id},
    trace,
};

/// How long a due command stays, for a worker that is down.
///
/// A handled one stays as long. To remove it earlier would take the permission to delete messages
/// or to publish below `due`, which no service has: it could end any order early. A stream that
/// drops acknowledged messages would drop those of dead letters, too. And the cost is at most a
/// month's holds, next to their orders, which stay forever.
const DUE_TTL: &str = "720h";

/// A command that fell due.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DueCommand {
    /// Its subject; commands of one key are handled one after the other.
    pub key: String,
    /// The time at which it was to fall due.
    pub at: DateTime<Utc>,
    /// The commit that it follows from.
    pub causation_id: uuid::Uuid,
    /// The start of the whole chain.
    pub correlation_id: String,
    /// W3C trace context of the span that scheduled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_parent: Option<String>,
    /// The remaining fields, as its owner wrote them.
    pub data: serde_json::Value,
}

impl DueCommand {
    pub(crate) fn parse(sequence: u64, payload: &[u8]) -> Result<Self, StoreError> {
        serde_json::from_slice(payload).map_err(|error| StoreError::Unreadable {
            stream: COMMANDS,
            sequence,
            why: error.to_string(),
        })
    }

    /// Metadata for a command that carries this one out.
    pub fn metadata(&self, reactor: &str, time: DateTime<Utc>) -> crate::Metadata {
        crate::Metadata {
            command_id: uuid::Uuid::new_v5(
                &self.causation_id,
                format!("{reactor}:{}", self.key).as_bytes(),
            ),
            correlation_id: self.correlation_id.clone(),
            causation_id: Some(self.causation_id),
            actor: reactor.to_owned(),
            time,
            trace_parent: self.trace_parent.clone(),
        }
    }
}

/// Commands that fall due later. Obtained from
/// [`Log::scheduler`](crate::Log::scheduler).
#[derive(Clone, Debug)]
pub struct Scheduler {
    connection: Connection,
}

impl Scheduler {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Schedules a command of a kind for a time; it falls due at once if that has passed.
    /// Scheduling it again replaces the one before.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached; [`StoreError::InvalidId`] for a key
    /// that isn't one token.
    pub async fn schedule(
        &self,
        kind: &str,
        key: &str,
        at: DateTime<Utc>,
        cause: &Commit,
        data: serde_json::Value,
    ) -> Result<(), StoreError> {
        check_id(kind)?;
        check_id(key)?;
        let current = trace::context_of(&tracing::Span::current());
        let command = DueCommand {
            key: key.to_owned(),
            at,
            causation_id: cause.commit_id,
            correlation_id: cause.metadata.correlation_id.clone(),
            trace_parent: current.or_else(|| cause.metadata.trace_parent.clone()),
            data,
        };
        let mut headers = HeaderMap::new();
        let when = at.to_rfc3339_opts(SecondsFormat::Millis, true);
        headers.insert(header::NATS_SCHEDULE, format!("@at {when}"));
        headers.insert(
            header::NATS_SCHEDULE_TARGET,
            self.connection
                .at(COMMANDS)
                .subject(&format!("due.{kind}.{key}")),
        );
        headers.insert(header::NATS_SCHEDULE_TTL, DUE_TTL);
        let payload = encode("a scheduled command", &command)?;
        let subject = Subject {
            stream: COMMANDS,
            key: &format!("schedule.{kind}.{key}"),
        };
        self.connection
            .publish(subject, headers, payload.into(), None)
            .await
            .map(|_| ())
    }
}
