//! Reading single messages: by place, by key, the newest.

use async_nats::jetstream::{
    message::StreamMessage,
    stream::{DirectGetError, DirectGetErrorKind, LastRawMessageErrorKind},
};

use crate::{Log, Recorded, StoreError, StreamName, error::unavailable};

impl Log {
    /// The newest commit of an aggregate.
    pub(crate) async fn last_commit(
        &self,
        stream: StreamName,
        aggregate_id: &str,
    ) -> Result<Option<Recorded>, StoreError> {
        self.last_message(stream, aggregate_id)
            .await?
            .map(|message| Recorded::parse(stream, message, &self.config().upcasters))
            .transpose()
    }

    /// The newest message of a key, by the leader: a replica may not have it yet.
    pub(crate) async fn last_message(
        &self,
        stream: StreamName,
        key: &str,
    ) -> Result<Option<StreamMessage>, StoreError> {
        let subject = stream.subject(key);
        let handle = self.stream(stream).await?;
        if self.has_one_copy() {
            // With one copy there is nobody but the leader to answer, and this is the cheaper
            // question of the two.
            found(handle.direct_get_last_for_subject(subject).await)
        } else {
            match handle.get_last_raw_message_by_subject(&subject).await {
                Ok(message) => Ok(Some(message)),
                Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => {
                    Ok(None)
                }
                Err(error) => Err(unavailable(error)),
            }
        }
    }

    /// The first commit of an aggregate at or after a sequence of the stream.
    pub(crate) async fn next_commit(
        &self,
        stream: StreamName,
        aggregate_id: &str,
        from: u64,
    ) -> Result<Option<Recorded>, StoreError> {
        self.next_message(stream, aggregate_id, from)
            .await?
            .map(|message| Recorded::parse(stream, message, &self.config().upcasters))
            .transpose()
    }

    /// The first message of a key (`>` for any) at or after a sequence of the stream.
    pub(crate) async fn next_message(
        &self,
        stream: StreamName,
        key: &str,
        from: u64,
    ) -> Result<Option<StreamMessage>, StoreError> {
        let handle = self.stream(stream).await?;
        found(
            handle
                .direct_get_next_for_subject(stream.subject(key), Some(from))
                .await,
        )
    }

    /// One commit, by its place in the log.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] when there is none, or none that can be read;
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn commit_at(
        &self,
        stream: StreamName,
        sequence: u64,
    ) -> Result<Recorded, StoreError> {
        let message = self.message_at(stream, sequence).await?;
        let missing = || StoreError::Unreadable {
            stream,
            sequence,
            why: "there is no such message".to_owned(),
        };
        Recorded::parse(
            stream,
            message.ok_or_else(missing)?,
            &self.config().upcasters,
        )
    }

    pub(crate) async fn message_at(
        &self,
        stream: StreamName,
        sequence: u64,
    ) -> Result<Option<StreamMessage>, StoreError> {
        let handle = self.stream(stream).await?;
        found(handle.direct_get(sequence).await)
    }

    /// Every message of a small stream, oldest first.
    pub(crate) async fn messages(
        &self,
        stream: StreamName,
    ) -> Result<Vec<StreamMessage>, StoreError> {
        let mut messages = Vec::new();
        let mut from = 1;
        // From message to message and not from sequence to sequence: a stream that keeps only the
        // newest message of each key has more holes than messages.
        while let Some(message) = self.next_message(stream, ">", from).await? {
            from = message.sequence + 1;
            messages.push(message);
        }
        Ok(messages)
    }
}

fn found(
    answer: Result<StreamMessage, DirectGetError>,
) -> Result<Option<StreamMessage>, StoreError> {
    match answer {
        Ok(message) => Ok(Some(message)),
        Err(error) if matches!(error.kind(), DirectGetErrorKind::NotFound) => Ok(None),
        Err(error) => Err(unavailable(error)),
    }
}
