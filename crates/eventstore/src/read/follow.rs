//! Reads a stream in order: live, or up to an end.

use async_nats::jetstream::Message;
use futures_util::{Stream, stream};
use std::{collections::VecDeque, time::Duration};
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    ephemeral_consumer::EphemeralConsumer,
    holes::Holes,
    message::Messages,
    standing::{Standing, standing_for_certain},
};
use crate::{
    Commit, StoreError, StreamName,
    commit::{self, commit_ids_of},
    connection::{CommitPlace, Connection},
    error::unexpected,
};

/// Pause before a broken consumer is recreated.
const PAUSE: Duration = Duration::from_millis(200);

struct Following {
    connection: Connection,
    stream: StreamName,
    /// The last message that was read.
    last: u64,
    /// Identity of its last commit, once one was read.
    commit: Option<Uuid>,
    /// Its commits that weren't returned yet.
    ready: VecDeque<Commit>,
    consumer: Option<EphemeralConsumer>,
    connected: watch::Receiver<bool>,
    /// The last wanted sequence.
    until: u64,
    /// Number of times the stream was seen to end in a hole.
    ends_in_a_hole: u32,
    failed: bool,
}

/// Number of times a stream with several copies must be seen to end in a hole before that is
/// reported: the last sequence may come from one leader, and the missing message from another that
/// was cut off.
const CERTAIN: u32 = 2;
/// Number of attempts to read the record of acknowledged holes before it counts as unreadable.
const LOOKS: u32 = 10;

/// The commits of a stream in a range of sequences, in order and without a gap. See
/// [`Reader::follow`](super::Reader::follow).
pub(super) fn follow_until(
    connection: &Connection,
    stream: StreamName,
    after: u64,
    until: u64,
) -> impl Stream<Item = Result<Commit, StoreError>> + Send + use<> {
    let state = Following {
        connection: connection.clone(),
        stream: connection.at(stream),
        last: after,
        commit: None,
        ready: VecDeque::new(),
        consumer: None,
        connected: connection.watch(),
        until,
        ends_in_a_hole: 0,
        failed: false,
    };
    stream::unfold(state, |mut state| async move {
        if let Some(commit) = state.ready.pop_front() {
            return Some((Ok(commit), state));
        }
        if state.failed || state.last >= state.until {
            return None;
        }
        let item = state.next().await;
        state.failed = item.is_err();
        Some((item, state))
    })
}

impl Following {
    async fn next(&mut self) -> Result<Commit, StoreError> {
        loop {
            let Some(consumer) = &mut self.consumer else {
                self.open().await?;
                continue;
            };
            let message = tokio::select! {
                biased;
                message = consumer.next() => message,
                // What was in transit when the connection broke is lost, and a restarted server has
                // lost the consumer.
                _ = self.connected.changed() => {
                    self.consumer = None;
                    continue;
                }
            };
            match message {
                Ok(message) => {
                    self.ends_in_a_hole = 0;
                    self.take(&message).await?;
                    if let Some(commit) = self.ready.pop_front() {
                        return Ok(commit);
                    }
                }
                Err(error) => {
                    tracing::debug!(stream = %self.stream, %error, "lost the consumer, making another");
                    self.consumer = None;
                    self.look_for_a_hole_at_the_end().await?;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Returns an error if the stream counts more messages but none of them can be read. Otherwise
    /// a reader would wait there without a reported reason.
    async fn look_for_a_hole_at_the_end(&mut self) -> Result<(), StoreError> {
        let (connection, stream, first) = (&self.connection, self.stream, self.last + 1);
        let looked = async {
            let end = connection.stream_end(stream).await?;
            let messages = Messages::of(connection);
            let next = messages.next_sequence_of_leader(stream, first);
            if end < first || next.await?.is_some() {
                return Ok::<_, StoreError>(None);
            }
            let holes = Holes::new(connection.clone());
            let acknowledged = holes.is_acknowledged(stream, first, end).await?;
            Ok((!acknowledged).then_some(end))
        };
        // Without an answer nothing is known, and the next lost consumer leads here again.
        let Ok(found) = looked.await else {
            return Ok(());
        };
        let Some(last) = found else {
            self.ends_in_a_hole = 0;
            return Ok(());
        };
        self.ends_in_a_hole += 1;
        if self.connection.server_is_alone() || self.ends_in_a_hole >= CERTAIN {
            return Err(StoreError::Hole {
                stream,
                first,
                last,
            });
        }
        Ok(())
    }

    /// Takes the commits of a message; none if it was read before, and still exists.
    async fn take(&mut self, message: &Message) -> Result<(), StoreError> {
        let sequence = message
            .info()
            .map_err(unexpected("following a stream"))?
            .stream_sequence;
        if sequence == self.last && self.commit.is_some() {
            let found = commit_ids_of(message.headers.as_ref(), &message.payload);
            return self.lost(Standing::among(&found, self.place()));
        }
        let expected = self.last + 1;
        if sequence < expected {
            return Err(StoreError::Gap {
                stream: self.stream,
                sequence,
                expected: format!("sequence {expected}"),
                found: format!("sequence {sequence}"),
            });
        }
        if sequence > expected {
            self.go_over(expected, sequence - 1).await?;
        }
        let upcasters = &self.connection.config().upcasters;
        let commits = commit::delivered(self.stream, message, upcasters)?;
        self.connection.saw(&commits);
        self.last = sequence;
        self.commit = commits.last().map(|commit| commit.commit_id);
        self.ready = commits.into();
        Ok(())
    }

    /// Returns an error, unless an operator has acknowledged that these messages are lost. Without
    /// an acknowledgment, even because the record can't be read, they count as a fault of the log.
    async fn go_over(&self, first: u64, last: u64) -> Result<(), StoreError> {
        let stream = self.stream;
        let holes = Holes::new(self.connection.clone());
        for _ in 0..LOOKS {
            match holes.is_acknowledged(stream, first, last).await {
                Ok(true) => {
                    tracing::warn!(%stream, first, last, "going over a hole that was acknowledged");
                    return Ok(());
                }
                Ok(false) => break,
                Err(error) => {
                    tracing::debug!(%stream, %error, "can't read which holes are acknowledged");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        Err(StoreError::Hole {
            stream,
            first,
            last,
        })
    }

    /// The place of the last message that was read.
    fn place(&self) -> CommitPlace {
        CommitPlace {
            stream: self.stream,
            sequence: self.last,
            commit_id: self.commit,
        }
    }

    /// Returns an error if the last commit that was read is gone. All state of this process that
    /// derives from the log is informed, too.
    fn lost(&self, standing: Standing) -> Result<(), StoreError> {
        if standing.is_lost() {
            self.connection.tails().doubt();
        }
        standing.check(self.place())
    }

    /// Creates a consumer, or pauses.
    async fn open(&mut self) -> Result<(), StoreError> {
        // Not without a connection: the client would queue the request, and create a consumer
        // without a user once it reconnects.
        let is_connected = *self.connected.borrow_and_update();
        if !is_connected {
            tokio::select! {
                Ok(()) = self.connected.changed() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
            return Ok(());
        }
        // From the last commit that was read, which must be seen again.
        let again = u64::from(self.commit.is_some());
        let from = self.last + 1 - again;
        let opened = async {
            let consumer =
                EphemeralConsumer::open(&self.connection, self.stream, None, from).await?;
            // A consumer that begins beyond the end of a stream waits silently.
            let standing = if consumer.began_at_the_end() && self.last > 0 {
                standing_for_certain(&self.connection, self.place()).await?
            } else {
                Standing::Stands
            };
            Ok::<_, StoreError>((consumer, standing))
        };
        match opened.await {
            Ok((consumer, standing)) => {
                self.lost(standing)?;
                self.consumer = Some(consumer);
            }
            Err(error) => {
                tracing::debug!(stream = %self.stream, %error, "can't follow, trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }
}
