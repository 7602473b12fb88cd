//! A line of NDJSON: one event, with all data that is needed to store it again.

use chrono::{DateTime, Utc};
use event_streams::USERS;
use eventstore::{Commit, StoreError, StoredEvent, StreamName};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::{borrow::Cow, io::Write, path::Path};
use uuid::Uuid;

use crate::{ArchiveError, error::Source};

/// The replacement for a password's hash.
pub(crate) const SECRET: &str = "(secret)";

/// An event. The names are those of `analysis::EVENT_COLUMNS`, so the output of `turnstile events
/// ls` can be imported, too.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line<'a> {
    #[serde(borrow)]
    pub stream: Cow<'a, str>,
    pub sequence: u64,
    /// Absent in files of releases that stored each commit alone.
    #[serde(default)]
    pub commit_index: u32,
    pub time: DateTime<Utc>,
    #[serde(borrow)]
    pub aggregate_type: Cow<'a, str>,
    #[serde(borrow)]
    pub aggregate_id: Cow<'a, str>,
    pub version: u64,
    #[serde(borrow)]
    pub event_type: Cow<'a, str>,
    #[serde(borrow)]
    pub schema_version: Cow<'a, str>,
    #[serde(borrow)]
    pub actor: Cow<'a, str>,
    pub commit_id: Uuid,
    pub command_id: Uuid,
    #[serde(borrow)]
    pub correlation_id: Cow<'a, str>,
    pub causation_id: Option<Uuid>,
    #[serde(borrow)]
    pub trace_parent: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub data: Option<&'a RawValue>,
}

impl<'a> Line<'a> {
    /// The events of a commit.
    pub fn of(commit: &'a Commit) -> Result<impl Iterator<Item = Line<'a>>, StoreError> {
        let events = commit.stored_events()?.into_iter().zip(commit.version..);
        Ok(events.map(|(event, version)| Self::new(commit, version, event)))
    }

    fn new(commit: &'a Commit, version: u64, event: StoredEvent<'a>) -> Self {
        let metadata = &commit.metadata;
        Line {
            stream: commit.stream.as_str().into(),
            sequence: commit.sequence,
            commit_index: commit.index,
            time: metadata.time,
            aggregate_type: (&*commit.aggregate_type).into(),
            aggregate_id: (&*commit.aggregate_id).into(),
            version,
            event_type: event.event_type,
            schema_version: event.version,
            actor: (&*metadata.actor).into(),
            commit_id: commit.commit_id,
            command_id: metadata.command_id,
            correlation_id: (&*metadata.correlation_id).into(),
            causation_id: metadata.causation_id,
            trace_parent: metadata.trace_parent.as_deref().map(Into::into),
            data: event.data,
        }
    }

    /// Writes it, without secrets, which only users have.
    pub fn write(&self, stream: StreamName, to: &mut impl Write) -> std::io::Result<()> {
        if stream == USERS {
            let mut line = serde_json::to_value(self)?;
            if line["data"].get("password_hash").is_some() {
                line["data"]["password_hash"] = SECRET.into();
            }
            serde_json::to_writer(&mut *to, &line)?;
        } else {
            serde_json::to_writer(&mut *to, self)?;
        }
        to.write_all(b"\n")
    }
}

/// The data of a user's event without its secret: no one can sign in with it.
pub(crate) fn without_password(
    data: &RawValue,
) -> Result<Option<Box<RawValue>>, serde_json::Error> {
    if !data.get().contains(SECRET) {
        return Ok(None);
    }
    let mut value: serde_json::Value = serde_json::from_str(data.get())?;
    if value["password_hash"] != SECRET {
        return Ok(None);
    }
    value["password_hash"] = domain::user::NO_PASSWORD.into();
    RawValue::from_string(value.to_string()).map(Some)
}

/// The error for an unreadable line.
pub(crate) fn bad_line(file: &Path, line: u64, why: impl Into<Source>) -> ArchiveError {
    ArchiveError::Line {
        file: file.to_owned(),
        line,
        why: why.into(),
    }
}
