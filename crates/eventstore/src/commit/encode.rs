//! Encodes a commit: its metadata as headers, and its events as the payload.

use async_nats::HeaderMap;
use bytes::Bytes;
use chrono::SecondsFormat;
use cqrs_es::DomainEvent;
use serde::de::DeserializeOwned;
use std::fmt::Write as _;
use uuid::Uuid;

use super::{Metadata, header};
use crate::StoreError;

/// A commit to be appended.
pub(crate) struct UnsavedCommit {
    pub id: Uuid,
    pub headers: HeaderMap,
    pub payload: Bytes,
}

impl UnsavedCommit {
    /// Encodes events, as [`payload_of`] does, under a new ID.
    pub(crate) fn encode<E: DomainEvent + DeserializeOwned>(
        aggregate_type: &str,
        version: u64,
        events: &[E],
        metadata: &Metadata,
    ) -> Result<Self, StoreError> {
        let id = Uuid::now_v7();
        Ok(Self {
            id,
            headers: headers_of(aggregate_type, version, id, metadata)?,
            payload: payload_of(events)?,
        })
    }
}

/// Encodes events as a payload. They must serialize as `{"type": …, "data": …}` (serde's adjacent
/// tagging), which is checked here, because a commit that can't be read back must never be stored.
pub(crate) fn payload_of<E: DomainEvent>(events: &[E]) -> Result<Bytes, StoreError> {
    let mut payload = br#"{"events":["#.to_vec();
    for (i, event) in events.iter().enumerate() {
        let refuse = |why: String| {
            StoreError::Rejected(format!("{} can't be stored: {why}", event.event_type()))
        };
        let json = serde_json::to_vec(event).map_err(|error| refuse(error.to_string()))?;
        // The schema version is spliced in front instead of going through a generic value: every
        // command takes this path.
        let tagged = json
            .strip_prefix(b"{")
            .filter(|rest| rest.starts_with(br#""type":"#));
        let rest = tagged.ok_or_else(|| refuse("it has no type tag".to_owned()))?;
        if i > 0 {
            payload.push(b',');
        }
        let schema = serde_json::to_vec(&event.event_version());
        payload.extend_from_slice(br#"{"version":"#);
        payload.extend_from_slice(&schema.map_err(|error| refuse(error.to_string()))?);
        payload.push(b',');
        payload.extend_from_slice(rest);
    }
    payload.extend_from_slice(b"]}");
    Ok(payload.into())
}

/// The headers of a commit.
///
/// # Errors
/// [`StoreError::Rejected`] when a part of its metadata is too long.
pub(crate) fn headers_of(
    aggregate_type: &str,
    version: u64,
    commit_id: Uuid,
    metadata: &Metadata,
) -> Result<HeaderMap, StoreError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::COMMIT_ID.clone(), commit_id.to_string());
    headers.insert(header::AGGREGATE_TYPE.clone(), aggregate_type);
    headers.insert(header::VERSION.clone(), version.to_string());
    headers.insert(header::COMMAND_ID.clone(), metadata.command_id.to_string());
    headers.insert(
        header::CORRELATION_ID.clone(),
        encoded("Correlation-Id", &metadata.correlation_id)?,
    );
    headers.insert(header::ACTOR.clone(), encoded("Actor", &metadata.actor)?);
    headers.insert(
        header::TIME.clone(),
        metadata.time.to_rfc3339_opts(SecondsFormat::Micros, true),
    );
    if let Some(causation_id) = metadata.causation_id {
        headers.insert(header::CAUSATION_ID.clone(), causation_id.to_string());
    }
    if let Some(trace_parent) = &metadata.trace_parent {
        headers.insert(
            header::TRACE_PARENT.clone(),
            encoded("traceparent", trace_parent)?,
        );
    }
    Ok(headers)
}

/// Longest metadata value, in characters.
const LONGEST: usize = 128;

/// Encodes a text for a header: visible ASCII, and spaces inside, stay. Everything else, and `%`
/// itself, is the percent-encoding of its UTF-8: so a foreign value can't become a second header,
/// and two values that differ stay different.
fn encoded(of: &str, text: &str) -> Result<String, StoreError> {
    if text.chars().count() > LONGEST {
        return Err(StoreError::Rejected(format!(
            "{of} of a commit: {text:?} is too long; at most {LONGEST} characters are expected"
        )));
    }
    let mut encoded = String::with_capacity(text.len());
    for (at, byte) in text.bytes().enumerate() {
        // A reader strips spaces around a header's value.
        let inner_space = byte == b' ' && at > 0 && at + 1 < text.len();
        if (byte.is_ascii_graphic() && byte != b'%') || inner_space {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string can't fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    Ok(encoded)
}

/// Decodes the result of [`encoded`]. Any other text is returned as it is.
pub(crate) fn decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if let (b'%', [high, low, after @ ..]) = (first, after)
            && let Some((high, low)) = hex(*high).zip(hex(*low))
        {
            bytes.push(high * 16 + low);
            rest = after;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_is_decoded_to_the_same() {
        for (text, stored) in [
            ("ann", "ann"),
            ("Zoë", "Zo%C3%AB"),
            ("Zo", "Zo"),
            ("100%25", "100%2525"),
            ("two words ", "two words%20"),
            ("ann\r\nCommand-Id: 0", "ann%0D%0ACommand-Id: 0"),
            ("", ""),
        ] {
            let encoded = encoded("Actor", text).unwrap();
            assert_eq!(encoded, stored);
            assert_eq!(decoded(&encoded), text);
        }
        for odd in ["%", "%4", "%zz", "%FF"] {
            assert_eq!(decoded(odd), odd);
        }
    }

    #[test]
    fn what_is_too_long_is_refused_and_not_cut() {
        assert!(encoded("Actor", &"é".repeat(LONGEST)).is_ok());
        let refused = encoded("Actor", &"x".repeat(LONGEST + 1)).unwrap_err();
        let refused = refused.to_string();
        assert!(refused.contains("Actor of a commit: \"xxx"), "{refused}");
        assert!(refused.ends_with("at most 128 characters are expected"));
    }

    #[test]
    fn spaces_around_a_text_are_kept_and_those_within_it_stay_readable() {
        for (text, stored) in [(" a", "%20a"), ("a ", "a%20"), (" ", "%20"), ("a b", "a b")] {
            assert_eq!(encoded("Actor", text).unwrap(), stored);
            assert_eq!(decoded(stored), text);
        }
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
        let refused = payload_of(&[Untagged { amount: 5 }]).unwrap_err();
        let expected = "Deposited can't be stored: it has no type tag";
        assert!(refused.to_string().ends_with(expected), "{refused}");
    }
}
