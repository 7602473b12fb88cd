//! Writes to the log: one message, acknowledged, if the expectation holds.

use async_nats::{
    HeaderMap,
    jetstream::{
        self, ErrorCode,
        context::{PublishError, PublishErrorKind},
        message::PublishMessage,
    },
};
use bytes::Bytes;

use super::{Connection, publisher::Publisher};
use crate::{StoreError, commit::UnsavedMessage, error::unavailable, subject::Subject};

/// The outcome of an append that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appended {
    /// The message is stored at this sequence.
    Stored(u64),
    /// Another append (or an earlier try of this one) came first.
    Conflict,
}

/// The state on which a commit was decided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Basis {
    /// The last sequence of the aggregate's subject; 0 if it has none.
    pub last_sequence: u64,
    /// The epoch of the log in which that sequence was read.
    pub epoch: u64,
}

impl Connection {
    /// Appends one message of commits, if they were decided on the last message of its subject, in
    /// the current epoch of the log.
    pub(crate) async fn append(
        &self,
        subject: Subject<'_>,
        message: UnsavedMessage,
        basis: Basis,
    ) -> Result<Appended, StoreError> {
        let Some(publisher) = self.wait_until_proved().await? else {
            return Err(not_connected());
        };
        // After the publisher is taken: everything that is sent with it goes to the log of this
        // epoch.
        if self.tails().epoch(subject.stream) != basis.epoch {
            return Ok(Appended::Conflict);
        }
        self.publish_on(
            &publisher,
            subject,
            HeaderMap::new(),
            message.into_payload(),
            Some(basis.last_sequence),
        )
        .await
    }

    /// A sequence means nothing before the log is proved to still hold what was seen. Without a
    /// connection there is nothing to wait for: appends fail at once.
    pub(crate) async fn wait_until_proved(&self) -> Result<Option<Publisher>, StoreError> {
        if !self.is_connected() {
            return Ok(None);
        }
        let proved = tokio::time::timeout(self.config().answer_timeout, self.tails().proved());
        proved
            .await
            .map(Some)
            .map_err(|_| StoreError::unavailable("it isn't known yet whether the log lost its end"))
    }

    /// Publishes under a key of a stream and waits for the acknowledgment.
    ///
    /// The expectation is always on the literal subject. With a wildcard filter, two writers were
    /// seen to win on three replicas when other filters are in use on the same stream.
    pub(crate) async fn publish(
        &self,
        subject: Subject<'_>,
        headers: HeaderMap,
        payload: Bytes,
        expected: Option<u64>,
    ) -> Result<Appended, StoreError> {
        if !self.is_connected() {
            return Err(not_connected());
        }
        let publisher = self.wait_until_proved().await?.ok_or_else(not_connected)?;
        self.publish_on(&publisher, subject, headers, payload, expected)
            .await
    }

    async fn publish_on(
        &self,
        publisher: &Publisher,
        subject: Subject<'_>,
        headers: HeaderMap,
        payload: Bytes,
        expected: Option<u64>,
    ) -> Result<Appended, StoreError> {
        let mut message = PublishMessage::build().payload(payload).headers(headers);
        if let Some(sequence) = expected {
            message = message.expected_last_subject_sequence(sequence);
        }
        let sent = publisher
            .jetstream()
            .send_publish(self.at(subject.stream).subject(subject.key), message)
            .await;
        let acknowledged = match sent {
            Ok(acknowledgment) => acknowledgment.await,
            Err(error) => Err(error),
        };
        if let Err(error) = &acknowledged
            && error.kind() == PublishErrorKind::TimedOut
            && !self.server_is_alone()
        {
            // It may be connected to a server that is cut off from the others, where the next
            // message would remain unacknowledged as well.
            self.tails().give_up_publisher();
        }
        match acknowledged {
            // A server that disconnected in the meantime may have lost the message.
            Ok(_) if !publisher.is_connected() => Err(not_connected()),
            Ok(acknowledgment) => Ok(Appended::Stored(acknowledgment.sequence)),
            Err(error) => classify_publish_error(error, subject),
        }
    }
}

/// Classifies the error of a publish that wasn't acknowledged.
pub(crate) fn classify_publish_error(
    error: PublishError,
    subject: Subject<'_>,
) -> Result<Appended, StoreError> {
    let too_large = || {
        Err(StoreError::TooLarge {
            stream: subject.stream,
            aggregate_id: subject.key.to_owned(),
        })
    };
    match error.kind() {
        PublishErrorKind::WrongLastSequence => return Ok(Appended::Conflict),
        PublishErrorKind::MaxPayloadExceeded => return too_large(),
        PublishErrorKind::Other => {}
        // The server did not store it, or did not confirm it in time.
        _ => return Err(unavailable("publishing")(error)),
    }
    let code = std::error::Error::source(&error)
        .and_then(|source| source.downcast_ref::<jetstream::Error>())
        .map(jetstream::Error::error_code);
    match code {
        // Like 10071, it means that the expectation could not be checked in our favor: another
        // publish to the subject is in flight on a replicated stream (10164). Errors for duplicates
        // and batches (10158, 10201) can't occur: no message has an ID (`Nats-Msg-Id`), and none is
        // part of a batch.
        Some(ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT) => Ok(Appended::Conflict),
        Some(ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM) => too_large(),
        // The server is reachable but can't store right now: no leader, no space, shutting down.
        _ => Err(unavailable("publishing")(error)),
    }
}

pub(crate) fn not_connected() -> StoreError {
    StoreError::unavailable("not connected to NATS")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u64) -> PublishError {
        let error = serde_json::json!({ "code": 400, "err_code": code, "description": "refused" });
        let error: jetstream::Error = serde_json::from_value(error).unwrap();
        PublishError::with_source(PublishErrorKind::Other, error)
    }

    fn judged(error: PublishError) -> Result<Appended, StoreError> {
        let subject = Subject {
            stream: crate::stream_name::samples::ACCOUNTS,
            key: "a",
        };
        classify_publish_error(error, subject)
    }

    #[test]
    fn every_code_for_a_lost_race_is_a_conflict() {
        let plain = PublishError::new(PublishErrorKind::WrongLastSequence);
        assert_eq!(judged(plain).unwrap(), Appended::Conflict);
        assert_eq!(judged(refused(10_164)).unwrap(), Appended::Conflict);
    }

    #[test]
    fn a_message_that_the_stream_finds_too_large_is_named() {
        let found = judged(refused(10_054)).unwrap_err();
        assert_eq!(
            found.to_string(),
            "ACCOUNTS.a: the commit is larger than the server accepts"
        );
    }

    #[test]
    fn transient_errors_are_unavailable() {
        // No responders, no answer, no leader, no space.
        let errors = [
            PublishError::new(PublishErrorKind::StreamNotFound),
            PublishError::new(PublishErrorKind::TimedOut),
            PublishError::new(PublishErrorKind::BrokenPipe),
            refused(10_008),
            refused(10_077),
            // For a duplicate and for a batch: neither is ever sent, so neither has a meaning here.
            refused(10_158),
            refused(10_201),
        ];
        for error in errors {
            let judged = judged(error).unwrap_err();
            assert!(matches!(judged, StoreError::Unavailable { .. }), "{judged}");
        }
    }
}
