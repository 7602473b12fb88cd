//! Distinguishes appended messages from answers of the server that were sent into a stream.

use async_nats::{HeaderMap, header};

use crate::{StoreError, StreamName};

/// Whether a stored message is an answer of the server to a direct get. A client names the subject
/// for the answer, and the server checks no permissions there: any client that may read its own
/// messages could have them stored in any stream. This header, which the server always adds,
/// identifies such an answer.
pub(crate) fn is_server_answer(headers: &HeaderMap) -> bool {
    headers.get(header::NATS_STREAM).is_some()
}

pub(crate) fn forged(stream: StreamName, sequence: u64) -> StoreError {
    StoreError::Unreadable {
        stream,
        sequence,
        why: "nobody appended it: it is an answer of the server that somebody had sent here"
            .to_owned(),
    }
}

/// The headers of a message that was read directly, as they are stored.
pub(crate) fn as_stored(headers: &HeaderMap) -> HeaderMap {
    let of_the_answer = [
        header::NATS_STREAM,
        header::NATS_SUBJECT,
        header::NATS_SEQUENCE,
        header::NATS_TIME_STAMP,
    ];
    let mut stored = HeaderMap::new();
    for (name, values) in headers.iter() {
        if !of_the_answer.contains(name) {
            for value in values {
                stored.append(name.clone(), value.clone());
            }
        }
    }
    stored
}
