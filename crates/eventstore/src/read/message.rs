//! Reads single messages: by place, by key, the newest.
//!
//! Any server with a copy answers a direct get, and one that lags doesn't know yet what others have
//! acknowledged. That is good enough for a message that is found. Where *none* is found and
//! something follows from that, the stream's leader is asked.

use async_nats::{
    StatusCode, header,
    jetstream::{
        message::StreamMessage,
        stream::{
            DirectGetError, DirectGetErrorKind, LastRawMessageError, LastRawMessageErrorKind,
        },
    },
};

use crate::{
    Commit, StoreError, StreamName,
    commit::{FoundMessage, commits_of},
    connection::Connection,
    error::unavailable,
    server_answer::{forged, is_server_answer},
};

/// Reads single messages of the log.
#[derive(Clone, Copy)]
pub(crate) struct Messages<'a> {
    connection: &'a Connection,
}

impl<'a> Messages<'a> {
    pub fn of(connection: &'a Connection) -> Self {
        Self { connection }
    }

    /// The commits of an aggregate's newest message, oldest first; none only if it never had one.
    ///
    /// A server that can't deliver the newest message of a subject, because it is damaged, answers
    /// that there is none, and accepts a new one as the first. Its index still contains the
    /// message, so only the index proves an absence. That is one more request for each aggregate
    /// that is new.
    pub async fn last_commits(
        &self,
        stream: StreamName,
        aggregate_id: &str,
    ) -> Result<Vec<Commit>, StoreError> {
        let Some(message) = self.last(stream, aggregate_id).await? else {
            if self.hides(stream, aggregate_id).await? {
                return Err(StoreError::HistoryLost {
                    stream,
                    aggregate_id: aggregate_id.to_owned(),
                });
            }
            return Ok(Vec::new());
        };
        self.parsed(stream, &message)
    }

    /// The newest message of a key, from the leader: a replica may not have it yet.
    pub async fn last(
        &self,
        stream: StreamName,
        key: &str,
    ) -> Result<Option<StreamMessage>, StoreError> {
        let subject = self.subject(stream, key);
        let handle = self.connection.stream(stream).await?;
        let found = if self.connection.server_is_alone() {
            // Only the leader can answer, and this is the cheaper of the two requests.
            directly(handle.direct_get_last_for_subject(subject).await)?
        } else {
            by_leader(handle.get_last_raw_message_by_subject(&subject).await)?
        };
        found.map(|found| found.appended(stream)).transpose()
    }

    /// The commits of an aggregate's first message at or after a sequence of the stream; none if
    /// there is no such message.
    pub async fn next_commits(
        &self,
        stream: StreamName,
        aggregate_id: &str,
        from: u64,
    ) -> Result<Vec<Commit>, StoreError> {
        let message = self.next(stream, aggregate_id, from).await?;
        message.map_or_else(|| Ok(Vec::new()), |message| self.parsed(stream, &message))
    }

    /// Like [`Messages::next_commits`], from the leader.
    pub async fn next_commits_of_leader(
        &self,
        stream: StreamName,
        aggregate_id: &str,
        from: u64,
    ) -> Result<Vec<Commit>, StoreError> {
        let found = self.next_of_leader(stream, aggregate_id, from).await?;
        let message = found.map(|found| found.appended(stream)).transpose()?;
        message.map_or_else(|| Ok(Vec::new()), |message| self.parsed(stream, &message))
    }

    /// The first message of a key (`>` for any) at or after a sequence of the stream.
    pub async fn next(
        &self,
        stream: StreamName,
        key: &str,
        from: u64,
    ) -> Result<Option<StreamMessage>, StoreError> {
        let found = self.next_of_any(stream, key, from).await?;
        found.map(|found| found.appended(stream)).transpose()
    }

    /// The commits of one message, by its place in the log; at least one.
    pub async fn commits_at(
        &self,
        stream: StreamName,
        sequence: u64,
    ) -> Result<Vec<Commit>, StoreError> {
        let message = self.at(stream, sequence).await?;
        let missing = || StoreError::Unreadable {
            stream,
            sequence,
            why: "there is no such message".to_owned(),
        };
        self.parsed(stream, &message.ok_or_else(missing)?)
    }

    fn parsed(
        self,
        stream: StreamName,
        message: &StreamMessage,
    ) -> Result<Vec<Commit>, StoreError> {
        let upcasters = &self.connection.config().upcasters;
        let found = FoundMessage::read(self.connection.at(stream), message);
        commits_of(found, upcasters)
    }

    fn subject(self, stream: StreamName, key: &str) -> String {
        self.connection.at(stream).subject(key)
    }

    /// One message, by its place in the log; `None` only when the leader reports that there is
    /// none.
    pub async fn at(
        &self,
        stream: StreamName,
        sequence: u64,
    ) -> Result<Option<StreamMessage>, StoreError> {
        let found = self.found_at(stream, sequence).await?;
        found.map(|found| found.appended(stream)).transpose()
    }

    /// Like [`Messages::at`], but includes messages that were not appended by a client.
    pub async fn anything_at(
        &self,
        stream: StreamName,
        sequence: u64,
    ) -> Result<Option<StreamMessage>, StoreError> {
        let found = self.found_at(stream, sequence).await?;
        Ok(found.map(|found| found.message))
    }

    /// Whether a stream counts a message of a key that it can't deliver.
    ///
    /// A request for the newest messages of several keys is answered from the index first, with
    /// different answers for a missing message and an unreadable one. Any other answer counts as
    /// unreadable, so that a server with a different wording is noticed at the first command.
    ///
    /// Information about a stream includes the number of messages per key, too, but requesting it
    /// halved the rate of first commands (2,400 per second instead of 4,500).
    async fn hides(&self, stream: StreamName, key: &str) -> Result<bool, StoreError> {
        let question = serde_json::json!({ "multi_last": [self.subject(stream, key)] });
        let subject = format!(
            "$JS.API.DIRECT.GET.{}",
            self.connection.at(stream).on_server()
        );
        let timeout = self.connection.config().answer_timeout;
        let question = question.to_string();
        let answer = self.connection.ask(subject, question, timeout).await?;
        let not_in_index = answer.description.as_deref() == Some("No Results");
        match answer.status {
            // It has got its first one in the meantime.
            None => Ok(false),
            Some(StatusCode::NOT_FOUND) => Ok(!not_in_index),
            Some(status) => {
                let what = format!("asking for the index of {stream}: answer {status}");
                Err(StoreError::unavailable(what))
            }
        }
    }

    async fn found_at(
        &self,
        stream: StreamName,
        sequence: u64,
    ) -> Result<Option<Found>, StoreError> {
        let handle = self.connection.stream(stream).await?;
        let mut found = directly(handle.direct_get(sequence).await)?;
        if found.is_none() && !self.connection.server_is_alone() {
            found = by_leader(handle.get_raw_message(sequence).await)?;
        }
        Ok(found)
    }

    /// Every message of a small stream, oldest first. The leader confirms that none comes after the
    /// last.
    ///
    /// Omits messages that were not appended by a client: a forged one must not keep all others
    /// from being read.
    #[cfg(feature = "session-keys")]
    pub async fn all(&self, stream: StreamName) -> Result<Vec<StreamMessage>, StoreError> {
        let mut messages = Vec::new();
        let mut from = 1;
        // From message to message and not from sequence to sequence: a stream that keeps only the
        // newest message of each key has more holes than messages.
        while let Some((sequence, message)) = self.next_in_stream(stream, from).await? {
            from = sequence + 1;
            messages.extend(message);
        }
        Ok(messages)
    }

    /// The first message of a small stream at or after a sequence: its place, and the message
    /// unless it was not appended by a client. `None` only when the leader reports that there is
    /// none.
    pub async fn next_in_stream(
        &self,
        stream: StreamName,
        from: u64,
    ) -> Result<Option<(u64, Option<StreamMessage>)>, StoreError> {
        self.of_key(stream, ">", from).await
    }

    /// Like [`Messages::next_in_stream`], for one key.
    pub async fn of_key(
        &self,
        stream: StreamName,
        key: &str,
        from: u64,
    ) -> Result<Option<(u64, Option<StreamMessage>)>, StoreError> {
        let mut next = self.next_of_any(stream, key, from).await?;
        if next.is_none() && !self.connection.server_is_alone() {
            next = self.next_of_leader(stream, key, from).await?;
        }
        let Some(next) = next else {
            return Ok(None);
        };
        let sequence = next.message.sequence;
        let appended = next.appended(stream);
        if let Err(forged) = &appended {
            tracing::error!(error = %forged, "left out a message");
        }
        Ok(Some((sequence, appended.ok())))
    }

    /// The place of the first message of a stream at or after a sequence, from the leader.
    pub async fn next_sequence_of_leader(
        &self,
        stream: StreamName,
        from: u64,
    ) -> Result<Option<u64>, StoreError> {
        let found = self.next_of_leader(stream, ">", from).await?;
        Ok(found.map(|found| found.message.sequence))
    }

    async fn next_of_any(
        &self,
        stream: StreamName,
        key: &str,
        from: u64,
    ) -> Result<Option<Found>, StoreError> {
        let handle = self.connection.stream(stream).await?;
        let subject = self.subject(stream, key);
        directly(
            handle
                .direct_get_next_for_subject(subject, Some(from))
                .await,
        )
    }

    async fn next_of_leader(
        &self,
        stream: StreamName,
        key: &str,
        from: u64,
    ) -> Result<Option<Found>, StoreError> {
        let handle = self.connection.stream(stream).await?;
        let subject = self.subject(stream, key);
        by_leader(handle.get_first_raw_message_by_subject(subject, from).await)
    }
}

/// A message that was found, and whether a client appended it.
struct Found {
    message: StreamMessage,
    forged: bool,
}

impl Found {
    fn appended(self, stream: StreamName) -> Result<StreamMessage, StoreError> {
        if self.forged {
            return Err(forged(stream, self.message.sequence));
        }
        Ok(self.message)
    }
}

fn directly(answer: Result<StreamMessage, DirectGetError>) -> Result<Option<Found>, StoreError> {
    match answer {
        Ok(message) => {
            // The answer names its stream in a header. A stored message does that, too, if it was
            // such an answer itself.
            let headers = &message.headers;
            let forged = headers.get_all(header::NATS_STREAM).count() > 1;
            Ok(Some(Found { message, forged }))
        }
        Err(error) if matches!(error.kind(), DirectGetErrorKind::NotFound) => Ok(None),
        Err(error) => Err(unavailable("reading a message")(error)),
    }
}

fn by_leader(
    answer: Result<StreamMessage, LastRawMessageError>,
) -> Result<Option<Found>, StoreError> {
    match answer {
        Ok(message) => {
            let forged = is_server_answer(&message.headers);
            Ok(Some(Found { message, forged }))
        }
        Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => Ok(None),
        Err(error) => Err(unavailable("reading a message from the leader")(error)),
    }
}
