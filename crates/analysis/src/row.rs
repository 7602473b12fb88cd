//! The log as one flat table: one row per event.

use chrono::{DateTime, Utc};
use eventstore::{Commit, StoreError, StreamName};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{Column, columns};

/// One event with all its metadata: a row of the flattened log.
///
/// All events of a commit have its place, IDs and times; `version` distinguishes them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventRow {
    /// The stream.
    pub stream: StreamName,
    /// The place of the commit's message in its stream, counted from 1.
    pub sequence: u64,
    /// The place of the commit in its message, from 0.
    pub commit_index: u32,
    /// The time at which the command was accepted, by the clock of that process.
    pub time: DateTime<Utc>,
    /// The time at which the server stored the commit. The one column that differs in an imported
    /// log.
    pub stored_at: DateTime<Utc>,
    /// The aggregate's type.
    pub aggregate_type: String,
    /// The aggregate.
    pub aggregate_id: String,
    /// The place of the event in its aggregate, from 0.
    pub version: u64,
    /// The event's type.
    pub event_type: String,
    /// Version of the event's schema.
    pub schema_version: String,
    /// The author: a user's ID, or the name of a worker.
    pub actor: String,
    /// The commit.
    pub commit_id: Uuid,
    /// Its command.
    pub command_id: Uuid,
    /// The start of the whole chain: the ID of a request.
    pub correlation_id: String,
    /// The commit that caused the command; `None` if a request did.
    pub causation_id: Option<Uuid>,
    /// W3C trace context of the span that accepted the command.
    pub trace_parent: Option<String>,
    /// The event's fields.
    pub data: Value,
}

/// Every column of [`EventRow`], in order.
pub const EVENT_COLUMNS: &[Column] = columns![
    "stream": "the stream: USERS, TICKETS, ORDERS or PAYMENTS",
    "sequence": "the place of its message in the stream, counted from 1",
    "commit_index": "the commit's place in the message, from 0: commits may be stored together",
    "time": "when the command was taken, by the clock of the process that took it",
    "stored_at": "when the server stored it",
    "aggregate_type": "what it happened to: user, ticket, ticket-orders or payment",
    "aggregate_id": "its id; all orders of a ticket have the ticket's id",
    "version": "the aggregate's version, counted from 0: one more with each event",
    "event_type": "what happened, in one word",
    "schema_version": "version of the event's schema",
    "actor": "who asked: a user's id, or the worker that reacted",
    "commit_id": "the commit: all events of one command on one aggregate",
    "command_id": "the command; a repeated one has the same id and takes effect once",
    "correlation_id": "the request that began the whole chain",
    "causation_id": "the commit that caused the command; empty if a request did",
    "trace_parent": "W3C trace context, if there was one",
    "data": "what happened, as JSON; money is in cents, and secrets are left out",
];

/// The replacement for a secret.
const SECRET: &str = "(secret)";
/// Fields of events that stay secret.
const SECRETS: [&str; 1] = ["password_hash"];

impl EventRow {
    /// Returns the events of a commit, upcast to the newest schema. Doesn't check whether their
    /// types are known ([`crate::events_of`] does): unknown events can still be inspected.
    ///
    /// Includes secrets; [`EventRow::without_secrets`] removes them.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`], when the payload isn't a commit.
    pub fn of(commit: &Commit) -> Result<Vec<Self>, StoreError> {
        let events = commit.raw_events()?.into_iter();
        let rows = events.map(|event| Self {
            stream: commit.stream,
            sequence: commit.sequence,
            commit_index: commit.index,
            time: commit.metadata.time,
            stored_at: commit.stored_at,
            aggregate_type: commit.aggregate_type.clone(),
            aggregate_id: commit.aggregate_id.clone(),
            version: event.version,
            event_type: event.event_type,
            schema_version: event.schema,
            actor: commit.metadata.actor.clone(),
            commit_id: commit.commit_id,
            command_id: commit.metadata.command_id,
            correlation_id: commit.metadata.correlation_id.clone(),
            causation_id: commit.metadata.causation_id,
            trace_parent: commit.metadata.trace_parent.clone(),
            data: event.data,
        });
        Ok(rows.collect())
    }

    /// The same with each secret replaced: password hashes are of no use to an analyst, and a log
    /// that is passed on must not contain them.
    #[must_use]
    pub fn without_secrets(mut self) -> Self {
        hide_secrets(&mut self.data);
        self
    }
}

/// The bytes of a payload with each password hash replaced. If they can't be parsed, searches them
/// for the beginning of such a hash.
pub fn without_secrets_in(payload: &[u8]) -> Vec<u8> {
    const BEGINS: &[u8] = b"$argon2";
    let mut left = payload;
    let mut shown = Vec::with_capacity(payload.len());
    while !left.is_empty() {
        if left.starts_with(BEGINS) {
            shown.extend_from_slice(SECRET.as_bytes());
            let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | b'\'') || !byte.is_ascii_graphic();
            let end = left.iter().position(ends);
            left = &left[end.unwrap_or(left.len())..];
        } else {
            shown.push(left[0]);
            left = &left[1..];
        }
    }
    shown
}

/// Replaces each secret in a value.
pub(crate) fn hide_secrets(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if SECRETS.contains(&name.as_str()) {
                    *field = SECRET.into();
                } else {
                    hide_secrets(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide_secrets),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_hash_is_hidden_even_in_unparsable_text() {
        for (payload, shown) in [
            (r#"{"h":"$argon2id$v=19$a$b"#, r#"{"h":"(secret)"#),
            (r#"{"h":"$argon2id$a","x":1}"#, r#"{"h":"(secret)","x":1}"#),
            ("garbage $argon2", "garbage (secret)"),
            ("", ""),
        ] {
            let found = without_secrets_in(payload.as_bytes());
            assert_eq!(String::from_utf8_lossy(&found), shown);
        }
    }

    #[test]
    fn nested_secrets_are_hidden() {
        let mut value =
            json!({"account": [{"password_hash": "$argon2id$…", "email": "a@b.example"}]});
        hide_secrets(&mut value);
        assert_eq!(
            value,
            json!({"account": [{"password_hash": "(secret)", "email": "a@b.example"}]})
        );
    }
}
