//! Reads messages of format 1, in which a message was one commit, and headers held its metadata.
//! None is written any more; a log that holds some needs no change.

use async_nats::{HeaderMap, HeaderName};
use chrono::DateTime;
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Commit, FoundMessage, Metadata, Origin, Upcasters};
use crate::StoreError;

/// Parsed once: a header name that is given as text is checked and allocated at each use.
pub(super) mod header {
    use async_nats::HeaderName;

    pub static COMMIT_ID: HeaderName = HeaderName::from_static("Commit-Id");
    pub static AGGREGATE_TYPE: HeaderName = HeaderName::from_static("Aggregate-Type");
    pub static VERSION: HeaderName = HeaderName::from_static("Aggregate-Version");
    pub static COMMAND_ID: HeaderName = HeaderName::from_static("Command-Id");
    pub static CORRELATION_ID: HeaderName = HeaderName::from_static("Correlation-Id");
    pub static CAUSATION_ID: HeaderName = HeaderName::from_static("Causation-Id");
    pub static ACTOR: HeaderName = HeaderName::from_static("Actor");
    pub static TIME: HeaderName = HeaderName::from_static("Commit-Time");
    pub static TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    events: &'a RawValue,
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let value = headers.get(name.clone())?;
    Some(value.as_str())
}

/// Whether a message is of this format: it alone names its commit in a header.
pub(super) fn is_meant(headers: &HeaderMap) -> bool {
    headers.get(header::COMMIT_ID.clone()).is_some()
}

/// The ID of the commit.
pub(super) fn commit_id_of(headers: &HeaderMap) -> Option<Uuid> {
    Uuid::parse_str(text(headers, &header::COMMIT_ID)?).ok()
}

/// Where the commit came from.
pub(super) fn origin(headers: &HeaderMap) -> Origin {
    Origin {
        correlation_id: text(headers, &header::CORRELATION_ID).map(decoded),
        trace_parent: text(headers, &header::TRACE_PARENT).map(decoded),
    }
}

/// The commit of a message.
pub(super) fn commit_of(
    message: FoundMessage<'_>,
    headers: &HeaderMap,
    upcasters: &Upcasters,
) -> Result<Commit, StoreError> {
    let required = |name: &HeaderName| {
        text(headers, name).ok_or_else(|| message.unreadable(format!("header {name} is missing")))
    };
    let is_no = |name: &HeaderName, what: &str, text: &str| {
        message.unreadable(format!("header {name} is no {what}: {text:?}"))
    };
    let uuid = |name: &HeaderName, text: &str| {
        Uuid::parse_str(text).map_err(|_| is_no(name, "UUID", text))
    };
    let version = required(&header::VERSION)?;
    let time = required(&header::TIME)?;
    let metadata = Metadata {
        command_id: uuid(&header::COMMAND_ID, required(&header::COMMAND_ID)?)?,
        correlation_id: decoded(required(&header::CORRELATION_ID)?),
        causation_id: text(headers, &header::CAUSATION_ID)
            .map(|text| uuid(&header::CAUSATION_ID, text))
            .transpose()?,
        actor: decoded(required(&header::ACTOR)?),
        time: DateTime::parse_from_rfc3339(time)
            .map_err(|_| is_no(&header::TIME, "time", time))?
            .to_utc(),
        trace_parent: text(headers, &header::TRACE_PARENT).map(decoded),
    };
    let commit_id = uuid(&header::COMMIT_ID, required(&header::COMMIT_ID)?)?;
    let aggregate_type = required(&header::AGGREGATE_TYPE)?.to_owned();
    let first = version
        .parse()
        .map_err(|_| is_no(&header::VERSION, "number", version))?;
    let payload: Payload<'_> = serde_json::from_slice(message.payload)
        .map_err(|error| message.unreadable(error.to_string()))?;
    Ok(Commit {
        stream: message.stream,
        sequence: message.sequence,
        index: 0,
        is_last: true,
        aggregate_id: message.aggregate_id()?.to_owned(),
        aggregate_type,
        version: message.version(first)?,
        commit_id,
        metadata,
        stored_at: message.stored_at,
        events: message.events(payload.events)?,
        upcasters: upcasters.clone(),
    })
}

/// Decodes a text: everything but visible ASCII, inner spaces and `%` was the percent-encoding of
/// its UTF-8. Any other text is returned as it is.
fn decoded(text: &str) -> String {
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
    fn a_text_that_was_encoded_is_decoded_and_any_other_stays() {
        for (stored, text) in [
            ("ann", "ann"),
            ("Zo%C3%AB", "Zoë"),
            ("100%2525", "100%25"),
            ("%20two words%20", " two words "),
            ("ann%0D%0ACommand-Id: 0", "ann\r\nCommand-Id: 0"),
            ("", ""),
        ] {
            assert_eq!(decoded(stored), text);
        }
        for odd in ["%", "%4", "%zz", "%FF"] {
            assert_eq!(decoded(odd), odd);
        }
    }
}
