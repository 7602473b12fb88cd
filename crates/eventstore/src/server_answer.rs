//! Telling what was appended from answers of the server that were sent into a stream.

use async_nats::{HeaderMap, header};

use crate::{StoreError, StreamName};

/// Whether a message, as it is stored, is an answer of the server to a direct get. Who asks names the
/// subject that the answer goes to, and the server looks at no rights there: anybody who may ask for
/// what they wrote themselves could have it stored in any stream. Such an answer can be told by this
/// header, which the server always adds.
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
