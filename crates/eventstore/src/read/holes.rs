//! Holes: messages that a stream counts but that its server can't deliver any more.
//!
//! The server leaves out a message whose checksum is wrong, and every reader stops there. Lost
//! messages can come back from another copy or a backup. Where they can't, an operator acknowledges
//! the hole, with a name and a reason, and readers continue behind it. That record is a message
//! like every other decision of an operator, so it is part of the log's own history: a command-line
//! option would have to be given to every reader, forever, and nothing would show who decided it.
//!
//! No aggregate continues over a hole. The missing commit may be a sale, and a decision without it
//! would sell the ticket again.
//! of it would sell the ticket again.

use async_nats::HeaderMap;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::message::Messages;
use crate::{
    AcknowledgedHole, StoreError, StreamName, connection::Connection, error::encode,
    stream_name::DEADLETTERS, subject::Subject,
};

/// The stored form, under a key that names the stream.
#[derive(Serialize, Deserialize)]
struct Stored {
    first: u64,
    last: u64,
    by: String,
    reason: String,
    at: DateTime<Utc>,
}

fn key(stream: StreamName) -> String {
    format!("hole.{stream}")
}

/// Whether acknowledged holes contain each of these sequences.
fn cover(holes: &[AcknowledgedHole], first: u64, last: u64) -> bool {
    let mut next = first;
    while next <= last {
        let Some(hole) = holes
            .iter()
            .find(|hole| hole.first <= next && next <= hole.last)
        else {
            return false;
        };
        next = hole.last + 1;
    }
    true
}

/// The messages that a stream has lost. Obtained from [`Log::holes`](crate::Log::holes).
#[derive(Clone, Debug)]
pub struct Holes {
    connection: Connection,
}

impl Holes {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Lists the acknowledged holes of a stream, oldest decision first. Reads the whole record.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn acknowledged(
        &self,
        stream: StreamName,
    ) -> Result<Arc<[AcknowledgedHole]>, StoreError> {
        let messages = Messages::of(&self.connection);
        let (key, mut from, mut holes) = (key(stream), 1, Vec::new());
        while let Some((sequence, message)) = messages.of_key(DEADLETTERS, &key, from).await? {
            from = sequence + 1;
            let stored = message.and_then(|message| serde_json::from_slice(&message.payload).ok());
            holes.extend(stored.map(|stored: Stored| AcknowledgedHole {
                stream,
                first: stored.first,
                last: stored.last,
                by: stored.by,
                reason: stored.reason,
                at: stored.at,
            }));
        }
        let holes = holes.into();
        self.connection.holes().put(stream, &holes);
        Ok(holes)
    }

    /// Acknowledges that messages of a stream are lost: readers of the stream continue behind them.
    /// This can't be undone.
    ///
    /// # Errors
    /// [`StoreError::NoHole`] when one of them exists, or the stream never had it;
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn acknowledge(&self, hole: &AcknowledgedHole) -> Result<(), StoreError> {
        let AcknowledgedHole {
            stream,
            first,
            last,
            ..
        } = *hole;
        let no_hole = |why: String| StoreError::NoHole {
            stream,
            first,
            last,
            why,
        };
        let messages = Messages::of(&self.connection);
        let end = self.connection.stream_end(stream).await?;
        if first == 0 || first > last || last > end {
            let why = format!("the stream has #1 to #{end}");
            return Err(no_hole(why));
        }
        if let Some(there) = messages.next_sequence_of_leader(stream, first).await?
            && there <= last
        {
            return Err(no_hole(format!("#{there} can be read")));
        }
        let stored = Stored {
            first,
            last,
            by: hole.by.clone(),
            reason: hole.reason.clone(),
            at: hole.at,
        };
        let payload = encode("an acknowledged hole", &stored)?;
        let subject = Subject {
            stream: DEADLETTERS,
            key: &key(stream),
        };
        self.connection
            .publish(subject, HeaderMap::new(), payload.into(), None)
            .await?;
        self.acknowledged(stream).await.map(|_| ())
    }

    /// Whether an operator has acknowledged that these messages are lost. Reads the whole record.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn is_acknowledged(
        &self,
        stream: StreamName,
        first: u64,
        last: u64,
    ) -> Result<bool, StoreError> {
        Ok(cover(&self.acknowledged(stream).await?, first, last))
    }

    /// The last sequence up to `to` that isn't lost as far as this process knows. Where the record
    /// says that it is, the stream is asked: a restored backup may have it again.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn readable_up_to(&self, stream: StreamName, to: u64) -> Result<u64, StoreError> {
        if !self.connection.config().event_streams.contains(&stream) || to == 0 {
            return Ok(to);
        }
        let known = self.connection.holes().of(stream);
        let known = match known {
            Some(known) => known,
            None => self.acknowledged(stream).await?,
        };
        let messages = Messages::of(&self.connection);
        let mut end = to;
        while let Some(hole) = known
            .iter()
            .find(|hole| hole.first <= end && end <= hole.last)
        {
            let there = messages.next_sequence_of_leader(stream, hole.first).await?;
            if there.is_some_and(|there| there <= end) {
                break;
            }
            end = hole.first - 1;
        }
        Ok(end)
    }

    /// The sequence of a stream's last message that isn't lost as far as this process knows.
    pub(crate) async fn last_readable(&self, stream: StreamName) -> Result<u64, StoreError> {
        let end = self.connection.stream_end(stream).await?;
        self.readable_up_to(stream, end).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hole(first: u64, last: u64) -> AcknowledgedHole {
        AcknowledgedHole {
            stream: crate::stream_name::samples::ACCOUNTS,
            first,
            last,
            by: "ann".to_owned(),
            reason: "a disk failed".to_owned(),
            at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_gap_is_covered_only_if_each_of_its_messages_is_acknowledged() {
        let holes = [hole(7, 9), hole(3, 3), hole(4, 6)];
        assert!(cover(&holes, 3, 9));
        assert!(cover(&holes, 8, 8));
        assert!(!cover(&holes, 2, 4));
        assert!(!cover(&holes, 9, 10));
        assert!(!cover(&[], 1, 1));
    }
}
