//! Copies streams out of the server and back, with the server's own protocol: sequences, subjects,
//! headers and times stay. The stream's creation time, which is its identity, changes: by it, a
//! read model recognizes that the log was restored and may have lost commits that were already
//! folded.
//!
//! The protocol is that of NATS's own tools (`STREAM.SNAPSHOT` and `STREAM.RESTORE` of the
//! JetStream API); the client has no functions for it. Consumers are left out on purpose: the
//! snapshots of several streams are not taken at the same instant, so a position in one could stand
//! for a reaction that is missing from another. Workers start from the beginning after a restore;
//! commands that took effect do not take effect again.

use async_nats::{StatusCode, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::watch;

use super::{stream_settings, streams::Streams};
use crate::{
    StoreError, StreamName,
    connection::Connection,
    error::{unavailable, unexpected},
};

/// Size of a chunk. The server accepts no chunk that is larger than its largest message.
const CHUNK: usize = 128 * 1024;
/// How long to wait for a chunk, or for its acknowledgment.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(30);
/// Time limit of the server for checking the whole stream before it sends, and after it received
/// the last chunk.
const WHOLE_TIMEOUT: Duration = Duration::from_mins(5);

/// A stream when its snapshot began: its settings, and its first and last sequence, as the server
/// reports them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SnapshotHead {
    config: Value,
    state: Value,
}

impl SnapshotHead {
    /// Number of messages.
    pub fn messages(&self) -> u64 {
        self.state["messages"].as_u64().unwrap_or_default()
    }

    /// The sequence of its newest message.
    pub fn last_sequence(&self) -> u64 {
        self.state["last_seq"].as_u64().unwrap_or_default()
    }
}

/// A snapshot that is being taken. Its bytes are a compressed archive of the server's own files.
#[derive(Debug)]
pub struct Snapshot {
    head: SnapshotHead,
    connection: Connection,
    stream: StreamName,
    chunks: Subscriber,
    connected: watch::Receiver<bool>,
}

/// A stream that is being restored.
#[derive(Debug)]
pub struct Restoring {
    connection: Connection,
    stream: StreamName,
    to: String,
}

#[derive(Deserialize)]
struct Failure {
    description: String,
}

#[derive(Deserialize)]
struct Reply<T> {
    error: Option<Failure>,
    #[serde(flatten)]
    rest: Option<T>,
}

#[derive(Deserialize)]
struct RestoreReply {
    deliver_subject: String,
}

/// Copies streams out of the server and back. Obtained from [`Log::backup`](crate::Log::backup).
#[derive(Clone, Debug)]
pub struct Backup {
    connection: Connection,
}

impl Backup {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// The streams that a backup holds, in the order in which they are created. A log that is copied
    /// while commands are at work should be copied in an order of its own: a stream that reacts
    /// before the one it reacts to.
    pub fn streams(&self) -> Vec<StreamName> {
        let config = self.connection.config();
        stream_settings::all(config)
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    }

    /// Begins to copy a stream out of the server, which checks the stream first.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when the server refuses; [`StoreError::Unavailable`] when it can't
    /// be reached.
    pub async fn snapshot(&self, stream: StreamName) -> Result<Snapshot, StoreError> {
        let mut connected = self.connection.watch();
        connected.mark_unchanged();
        let inbox = self.connection.client().new_inbox();
        let chunks = self.connection.client().subscribe(inbox.clone()).await;
        let chunks = chunks.map_err(unavailable("opening an inbox for a snapshot"))?;
        let request = json!({
            "deliver_subject": inbox,
            "no_consumers": true,
            "chunk_size": CHUNK,
            "jsck": true,
        });
        let subject = format!(
            "$JS.API.STREAM.SNAPSHOT.{}",
            self.connection.at(stream).on_server()
        );
        let head = ask(
            &self.connection,
            subject,
            request.to_string().into(),
            WHOLE_TIMEOUT,
        )
        .await?;
        Ok(Snapshot {
            head: parsed(stream, &head)?,
            connection: self.connection.clone(),
            stream,
            chunks,
            connected,
        })
    }

    /// Begins to restore a stream that doesn't exist, with the configured number of copies.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when the stream exists, or the server refuses for another reason;
    /// [`StoreError::Unavailable`] when it can't be reached.
    pub async fn restore(
        &self,
        stream: StreamName,
        head: &SnapshotHead,
    ) -> Result<Restoring, StoreError> {
        let streams = Streams::new(self.connection.clone());
        if streams.exists(stream).await? {
            return Err(StoreError::Rejected(format!(
                "stream {stream} exists; a restore never writes over one"
            )));
        }
        let (mut config, name) = (head.config.clone(), self.connection.at(stream).on_server());
        // The subjects of its messages can't be changed.
        if config["name"] != *name {
            let found = &config["name"];
            return Err(StoreError::Rejected(format!(
                "the backup of {stream} is of a stream that is called {found} on its server; expected \
                 {name:?}: restore with the prefix of the installation that was backed up"
            )));
        }
        config["num_replicas"] = self.connection.config().replicas.into();
        let request = json!({ "config": config, "state": head.state });
        let subject = format!("$JS.API.STREAM.RESTORE.{name}");
        let reply = ask(
            &self.connection,
            subject,
            request.to_string().into(),
            WHOLE_TIMEOUT,
        )
        .await?;
        let reply: RestoreReply = parsed(stream, &reply)?;
        Ok(Restoring {
            connection: self.connection.clone(),
            stream,
            to: reply.deliver_subject,
        })
    }

    /// Deletes a stream with all its messages. Only for a restore that replaces it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached, or doesn't delete it.
    pub async fn delete_for_restore(&self, stream: StreamName) -> Result<(), StoreError> {
        let jetstream = self.connection.patient_jetstream(CHUNK_TIMEOUT);
        let name = self.connection.at(stream).on_server();
        let deleted = jetstream.delete_stream(name).await;
        deleted
            .map(|_| ())
            .map_err(unavailable("deleting a stream"))
    }
}

impl Snapshot {
    /// The stream when the snapshot began.
    pub fn head(&self) -> &SnapshotHead {
        &self.head
    }

    /// Returns the next bytes, or `None` at the end. Each call acknowledges the bytes before it, so
    /// the server never sends faster than the caller reads.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the server stops before the end, or the connection was lost
    /// in the meantime: bytes in transit are lost then, and the client would continue behind them
    /// after it reconnects.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        let chunk = tokio::select! {
            biased;
            _ = self.connected.changed() => return Err(self.broken("the connection was lost")),
            chunk = tokio::time::timeout(CHUNK_TIMEOUT, self.chunks.next()) => chunk,
        };
        let Ok(Some(chunk)) = chunk else {
            return Err(self.broken("nothing more came"));
        };
        if let Some(status) = chunk.status
            && status != StatusCode::OK
            && status.as_u16() != 204
        {
            return Err(self.broken(&chunk.description.unwrap_or_default()));
        }
        if let Some(reply) = chunk.reply {
            let acknowledged = self.connection.client().publish(reply, Bytes::new()).await;
            acknowledged.map_err(unavailable("acknowledging a part of a snapshot"))?;
        }
        Ok((!chunk.payload.is_empty()).then_some(chunk.payload))
    }

    fn broken(&self, why: &str) -> StoreError {
        let stream = self.stream;
        StoreError::unavailable(format!("{stream}: its snapshot broke off: {why}"))
    }
}

impl Restoring {
    /// Sends the next bytes of a snapshot; they may be split anywhere.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the server doesn't accept them.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let chunk = rest.split_to(rest.len().min(CHUNK));
            let delivery = ask(&self.connection, self.to.clone(), chunk, CHUNK_TIMEOUT).await;
            let reply = delivery.map_err(|error| self.broken(error))?;
            if !reply.is_empty() {
                parsed::<Value>(self.stream, &reply)?;
            }
        }
        Ok(())
    }

    /// Ends the upload: the server unpacks and checks the snapshot.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when it isn't a complete snapshot.
    pub async fn finish(self) -> Result<(), StoreError> {
        let ended = ask(
            &self.connection,
            self.to.clone(),
            Bytes::new(),
            WHOLE_TIMEOUT,
        )
        .await;
        let reply = ended.map_err(|error| self.broken(error))?;
        parsed::<Value>(self.stream, &reply).map(|_| ())
    }

    fn broken(&self, error: StoreError) -> StoreError {
        let stream = self.stream;
        error.in_context(format!("{stream}: its restoring broke off"))
    }
}

async fn ask(
    connection: &Connection,
    subject: String,
    payload: Bytes,
    timeout: Duration,
) -> Result<Bytes, StoreError> {
    Ok(connection.ask(subject, payload, timeout).await?.payload)
}

fn parsed<T: for<'a> Deserialize<'a>>(stream: StreamName, reply: &[u8]) -> Result<T, StoreError> {
    let reply: Reply<T> = serde_json::from_slice(reply).map_err(unexpected("copying a stream"))?;
    match reply {
        Reply {
            error: Some(error), ..
        } => Err(StoreError::Rejected(format!(
            "{stream}: {}",
            error.description
        ))),
        Reply {
            rest: Some(rest), ..
        } => Ok(rest),
        Reply { .. } => Err(StoreError::Rejected(format!(
            "{stream}: an answer that makes no sense"
        ))),
    }
}
