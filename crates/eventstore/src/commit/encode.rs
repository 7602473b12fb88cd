//! Writes messages in the format of today; [`super::envelope`] reads them.

use bytes::Bytes;
use chrono::SecondsFormat;
use cqrs_es::DomainEvent;
use serde::Serialize;
use uuid::Uuid;

use super::Metadata;
use crate::StoreError;

/// The format of the messages that this release writes.
pub(super) const FORMAT: u32 = 2;

/// Longest metadata value, in characters.
const LONGEST: usize = 128;

/// A message to be appended: commits of one aggregate, oldest first.
pub(crate) struct UnsavedMessage {
    payload: Vec<u8>,
    commits: usize,
}

/// A commit to be appended.
pub(crate) struct UnsavedCommit {
    pub id: Uuid,
    json: Vec<u8>,
}

/// The fields of a commit before its events.
#[derive(Serialize)]
struct Head<'a> {
    id: Uuid,
    command: Uuid,
    correlation: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    causation: Option<Uuid>,
    actor: &'a str,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a str>,
}

impl UnsavedMessage {
    /// A message without commits; `at` is the version of the first event.
    pub(crate) fn new(aggregate_type: &str, at: u64) -> Result<Self, StoreError> {
        let aggregate_type = json_of("the type of an aggregate", aggregate_type)?;
        let mut payload = format!(r#"{{"v":{FORMAT},"type":"#).into_bytes();
        payload.extend_from_slice(&aggregate_type);
        payload.extend_from_slice(format!(r#","at":{at},"commits":["#).as_bytes());
        Ok(Self {
            payload,
            commits: 0,
        })
    }

    /// A message of one commit.
    pub(crate) fn of_one(
        aggregate_type: &str,
        at: u64,
        commit: &UnsavedCommit,
    ) -> Result<Self, StoreError> {
        let mut message = Self::new(aggregate_type, at)?;
        message.push(commit);
        Ok(message)
    }

    /// Adds the next commit.
    pub(crate) fn push(&mut self, commit: &UnsavedCommit) {
        if self.commits > 0 {
            self.payload.push(b',');
        }
        self.commits += 1;
        self.payload.extend_from_slice(&commit.json);
    }

    /// The payload.
    pub(crate) fn into_payload(mut self) -> Bytes {
        self.payload.extend_from_slice(b"]}");
        self.payload.into()
    }
}

impl UnsavedCommit {
    /// Encodes a commit under a new ID; its events as [`events_json`] does.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when a part of its metadata is too long, or an event can't be
    /// serialized so that it can be read back.
    pub(crate) fn encode<E: DomainEvent>(
        events: &[E],
        metadata: &Metadata,
    ) -> Result<Self, StoreError> {
        Self::with_events(Uuid::now_v7(), metadata, &events_json(events)?)
    }

    /// The same with encoded events.
    pub(super) fn with_events(
        id: Uuid,
        metadata: &Metadata,
        events: &[u8],
    ) -> Result<Self, StoreError> {
        let head = Head {
            id,
            command: metadata.command_id,
            correlation: checked("correlation ID", &metadata.correlation_id)?,
            causation: metadata.causation_id,
            actor: checked("actor", &metadata.actor)?,
            time: metadata.time.to_rfc3339_opts(SecondsFormat::Micros, true),
            trace: metadata
                .trace_parent
                .as_deref()
                .map(|trace| checked("trace context", trace))
                .transpose()?,
        };
        let mut json = json_of("the metadata of a commit", &head)?;
        // Instead of going through a generic value: every command takes this path.
        json.pop();
        json.extend_from_slice(br#","events":"#);
        json.extend_from_slice(events);
        json.push(b'}');
        Ok(Self { id, json })
    }

    /// Its size in a message.
    pub(crate) fn len(&self) -> usize {
        self.json.len() + 1
    }
}

/// Encodes events as a JSON array. They must serialize as `{"type": …, "data": …}` (serde's adjacent
/// tagging), which is checked here, because a commit that can't be read back must never be stored.
pub(super) fn events_json<E: DomainEvent>(events: &[E]) -> Result<Vec<u8>, StoreError> {
    let mut array = b"[".to_vec();
    for (i, event) in events.iter().enumerate() {
        let refuse = |why: String| {
            StoreError::Rejected(format!("{} can't be stored: {why}", event.event_type()))
        };
        let json = serde_json::to_vec(event).map_err(|error| refuse(error.to_string()))?;
        // The schema version is spliced in front instead of going through a generic value. There
        // it is also found without a search when the event is read.
        let tagged = json
            .strip_prefix(b"{")
            .filter(|rest| rest.starts_with(br#""type":"#));
        let rest = tagged.ok_or_else(|| refuse("it has no type tag".to_owned()))?;
        if i > 0 {
            array.push(b',');
        }
        let schema = serde_json::to_vec(&event.event_version());
        array.extend_from_slice(br#"{"version":"#);
        array.extend_from_slice(&schema.map_err(|error| refuse(error.to_string()))?);
        array.push(b',');
        array.extend_from_slice(rest);
    }
    array.push(b']');
    Ok(array)
}

fn json_of(what: &str, value: &(impl Serialize + ?Sized)) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value)
        .map_err(|error| StoreError::Rejected(format!("{what} can't be stored: {error}")))
}

/// Refuses a text that is too long. A text that is cut may be another's.
fn checked<'a>(of: &str, text: &'a str) -> Result<&'a str, StoreError> {
    // As many bytes as characters at least, and these needn't be counted one by one.
    if text.len() > LONGEST && text.chars().count() > LONGEST {
        return Err(StoreError::Rejected(format!(
            "{of} of a commit: {text:?} is too long; at most {LONGEST} characters are expected"
        )));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_refused_and_not_cut() {
        assert!(checked("actor", &"é".repeat(LONGEST)).is_ok());
        let refused = checked("actor", &"x".repeat(LONGEST + 1)).unwrap_err();
        let refused = refused.to_string();
        assert!(refused.contains("actor of a commit: \"xxx"), "{refused}");
        assert!(refused.ends_with("at most 128 characters are expected"));
    }

    #[test]
    fn an_event_without_a_type_is_never_stored() {
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        struct Untagged {
            amount: u64,
        }
        impl DomainEvent for Untagged {
            fn event_type(&self) -> String {
                "Deposited".to_owned()
            }
            fn event_version(&self) -> String {
                "1.0".to_owned()
            }
        }
        let refused = events_json(&[Untagged { amount: 5 }]).unwrap_err();
        let expected = "Deposited can't be stored: it has no type tag";
        assert!(refused.to_string().ends_with(expected), "{refused}");
    }
}
