//! The connection to the log: append one commit, read an aggregate's commits.

use async_nats::{
    ConnectOptions, Event, HeaderMap, ServerAddr,
    jetstream::{
        self, ErrorCode,
        context::PublishErrorKind,
        message::{PublishMessage, StreamMessage},
        stream::{DirectGetErrorKind, LastRawMessageErrorKind, Stream},
    },
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::watch;

use crate::{
    Metadata, Recorded, StoreError, StreamName, commit::NewCommit, store::Store, streams,
    upcast::Upcasters,
};

/// How to reach the log.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// Addresses of the servers, separated by commas: `nats://host:4222`.
    pub url: String,
    /// A credentials file (`.creds`), if the server wants one.
    pub credentials: Option<PathBuf>,
    /// A file with the certificates of the authorities to trust, if not the system's.
    pub tls_ca: Option<PathBuf>,
    /// A client certificate and its key, if the server wants them.
    pub tls_identity: Option<(PathBuf, PathBuf)>,
    /// Copies of each stream, 1 to 5.
    pub replicas: usize,
    /// How long to wait for one answer of the server. An append whose acknowledgement is late is
    /// looked up and, if it isn't there, tried again.
    pub answer_timeout: Duration,
    /// How long a command may take in all, retries included.
    pub command_timeout: Duration,
    /// The name that the server shows for this connection.
    pub client_name: String,
    /// Upcasters for old events.
    pub upcasters: Upcasters,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            url: "nats://127.0.0.1:4222".to_owned(),
            credentials: None,
            tls_ca: None,
            tls_identity: None,
            replicas: 1,
            answer_timeout: Duration::from_millis(500),
            command_timeout: Duration::from_millis(1800),
            client_name: "turnstile".to_owned(),
            upcasters: Upcasters::default(),
        }
    }
}

/// The event log. Clones share one connection.
#[derive(Clone)]
pub struct Log {
    inner: Arc<Inner>,
}

struct Inner {
    config: LogConfig,
    client: async_nats::Client,
    jetstream: jetstream::Context,
    connected: watch::Receiver<bool>,
}

/// How an append ended, short of a failure.
pub(crate) enum Appended {
    /// The commit stands at this sequence.
    At(u64),
    /// Somebody else (or an earlier try of ours) appended first.
    Conflict,
}

/// Who may answer a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Any replica; it may not have the newest commit yet.
    Any,
    /// The leader; what it answers is the newest.
    Newest,
}

impl Log {
    /// Connects, and goes on connecting for as long as the process lives.
    ///
    /// Returns at once, also when no server answers yet: [`Log::is_connected`] tells, and
    /// [`Log::ensure_streams`] must have succeeded once before anything is appended.
    ///
    /// # Errors
    /// When an address, a credentials file or a certificate can't be used.
    pub async fn connect(config: LogConfig) -> Result<Self, StoreError> {
        let bad = |what: &str, error: String| StoreError::Refused(format!("{what}: {error}"));
        let servers = config
            .url
            .split(',')
            .map(|url| url.trim().parse::<ServerAddr>())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| bad("address of NATS", error.to_string()))?;
        let (set_connected, connected) = watch::channel(false);
        let mut options = ConnectOptions::new()
            .name(&config.client_name)
            .retry_on_initial_connect()
            .connection_timeout(Duration::from_secs(2))
            .ping_interval(Duration::from_secs(2))
            // A stalled server must be noticed, and a buffer that fills while it is away must not
            // hold commands that were already answered with a failure.
            .reconnect_delay_callback(|attempt| Duration::from_millis(50 << attempt.min(4)))
            .event_callback(move |event| {
                let set_connected = set_connected.clone();
                async move {
                    match event {
                        Event::Connected => {
                            set_connected.send_replace(true);
                            tracing::info!("connected to NATS");
                        }
                        Event::Disconnected => {
                            set_connected.send_replace(false);
                            tracing::warn!("lost the connection to NATS");
                        }
                        other => tracing::debug!(event = %other, "NATS connection"),
                    }
                }
            });
        if let Some(file) = &config.credentials {
            options = options
                .credentials_file(file)
                .await
                .map_err(|error| bad("credentials of NATS", error.to_string()))?;
        }
        if let Some(file) = &config.tls_ca {
            options = options
                .add_root_certificates(file.clone())
                .require_tls(true);
        }
        if let Some((certificate, key)) = &config.tls_identity {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        let client = options
            .connect(servers)
            .await
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let jetstream = jetstream::ContextBuilder::new()
            .timeout(config.answer_timeout)
            .build(client.clone());
        Ok(Self {
            inner: Arc::new(Inner {
                config,
                client,
                jetstream,
                connected,
            }),
        })
    }

    /// Creates the streams that are missing and checks the others.
    ///
    /// Safe to repeat, and when many processes start at once.
    ///
    /// # Errors
    /// [`StoreError::StreamDiffers`] when a stream could lose data, [`StoreError::Unavailable`]
    /// when NATS can't be reached.
    pub async fn ensure_streams(&self) -> Result<(), StoreError> {
        // Creating a replicated stream takes longer than an answer to a command may.
        let patient = jetstream::ContextBuilder::new()
            .timeout(Duration::from_secs(10))
            .build(self.inner.client.clone());
        streams::ensure(&patient, self.inner.config.replicas).await
    }

    /// Whether the connection stands right now.
    pub fn is_connected(&self) -> bool {
        *self.inner.connected.borrow()
    }

    /// Follows whether the connection stands.
    pub fn connection(&self) -> watch::Receiver<bool> {
        self.inner.connected.clone()
    }

    /// Asks the server for an answer, within the bound of one answer.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it gives none: a connection can stand with nobody behind it.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.last_sequence(streams::TICKETS).await.map(|_| ())
    }

    /// Sends what was written and ends the connection.
    pub async fn close(&self) {
        if let Err(error) = self.inner.client.drain().await {
            tracing::warn!(%error, "could not drain the connection to NATS");
        }
    }

    /// The store of one kind of aggregate, in its stream.
    pub fn store<A>(&self, stream: StreamName) -> Store<A>
    where
        A: cqrs_es::Aggregate<Services = ()> + Clone + 'static,
    {
        Store::new(self.clone(), stream)
    }

    /// The sequence of a stream's last message; 0 when it is empty.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn last_sequence(&self, stream: StreamName) -> Result<u64, StoreError> {
        Ok(self.info(stream).await?.0)
    }

    /// When a stream was created: its identity. A stream that was made anew has another.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn stream_created(&self, stream: StreamName) -> Result<DateTime<Utc>, StoreError> {
        Ok(self.info(stream).await?.1)
    }

    async fn info(&self, stream: StreamName) -> Result<(u64, DateTime<Utc>), StoreError> {
        let handle = self.stream(stream).await?;
        let info = handle.get_info().await.map_err(unavailable)?;
        Ok((info.state.last_sequence, info.created))
    }

    pub(crate) fn config(&self) -> &LogConfig {
        &self.inner.config
    }

    pub(crate) fn client(&self) -> &async_nats::Client {
        &self.inner.client
    }

    pub(crate) fn jetstream(&self) -> &jetstream::Context {
        &self.inner.jetstream
    }

    pub(crate) async fn stream(&self, stream: StreamName) -> Result<Stream<()>, StoreError> {
        self.inner
            .jetstream
            .get_stream_no_info(stream.as_str())
            .await
            .map_err(unavailable)
    }

    /// Appends one commit, if `expected` is still the last sequence of its subject.
    pub(crate) async fn append(
        &self,
        stream: StreamName,
        aggregate_id: &str,
        commit: &NewCommit,
        expected: u64,
    ) -> Result<Appended, StoreError> {
        self.publish(
            stream.subject(aggregate_id),
            commit.headers.clone(),
            commit.payload.clone(),
            Some(expected),
        )
        .await
        .map_err(|error| match error {
            StoreError::TooLarge { .. } => StoreError::TooLarge {
                stream,
                aggregate_id: aggregate_id.to_owned(),
            },
            other => other,
        })
    }

    /// Publishes and waits for the acknowledgement.
    ///
    /// The expectation is always on the literal subject. A wildcard filter was seen to let two
    /// writers win on three replicas when other filters are in use on the same stream.
    pub(crate) async fn publish(
        &self,
        subject: String,
        headers: HeaderMap,
        payload: Bytes,
        expected: Option<u64>,
    ) -> Result<Appended, StoreError> {
        if !self.is_connected() {
            // The client would keep the message and send it after reconnecting, long after the
            // caller was told that it failed.
            return Err(StoreError::Unavailable("not connected to NATS".to_owned()));
        }
        let mut message = PublishMessage::build().payload(payload).headers(headers);
        if let Some(sequence) = expected {
            message = message.expected_last_subject_sequence(sequence);
        }
        let sent = self.inner.jetstream.send_publish(subject, message).await;
        let acknowledged = match sent {
            Ok(acknowledgement) => acknowledgement.await,
            Err(error) => Err(error),
        };
        let error = match acknowledged {
            Ok(acknowledgement) => return Ok(Appended::At(acknowledgement.sequence)),
            Err(error) => error,
        };
        match error.kind() {
            PublishErrorKind::WrongLastSequence => Ok(Appended::Conflict),
            PublishErrorKind::MaxPayloadExceeded => Err(StoreError::TooLarge {
                stream: streams::COMMANDS,
                aggregate_id: String::new(),
            }),
            PublishErrorKind::Other => refused(&error),
            _ => Err(unavailable(error)),
        }
    }

    /// The newest commit of an aggregate.
    pub(crate) async fn last_commit(
        &self,
        stream: StreamName,
        aggregate_id: &str,
        freshness: Freshness,
    ) -> Result<Option<Recorded>, StoreError> {
        self.last_message(stream, aggregate_id, freshness)
            .await?
            .map(|message| Recorded::parse(stream, message, &self.inner.config.upcasters))
            .transpose()
    }

    /// The newest message of a key.
    pub(crate) async fn last_message(
        &self,
        stream: StreamName,
        key: &str,
        freshness: Freshness,
    ) -> Result<Option<StreamMessage>, StoreError> {
        let subject = stream.subject(key);
        let handle = self.stream(stream).await?;
        if freshness == Freshness::Any || self.inner.config.replicas == 1 {
            // With one replica there is nobody but the leader to answer, and this is the cheaper
            // question of the two.
            match handle.direct_get_last_for_subject(subject).await {
                Ok(message) => Ok(Some(message)),
                Err(error) if matches!(error.kind(), DirectGetErrorKind::NotFound) => Ok(None),
                Err(error) => Err(unavailable(error)),
            }
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
        let handle = self.stream(stream).await?;
        match handle
            .direct_get_next_for_subject(stream.subject(aggregate_id), Some(from))
            .await
        {
            Ok(message) => Recorded::parse(stream, message, &self.inner.config.upcasters).map(Some),
            Err(error) if matches!(error.kind(), DirectGetErrorKind::NotFound) => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// One commit, by its place in the log.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] when there is none, or none that can be read.
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
            &self.inner.config.upcasters,
        )
    }

    pub(crate) async fn message_at(
        &self,
        stream: StreamName,
        sequence: u64,
    ) -> Result<Option<StreamMessage>, StoreError> {
        let handle = self.stream(stream).await?;
        match handle.direct_get(sequence).await {
            Ok(message) => Ok(Some(message)),
            Err(error) if matches!(error.kind(), DirectGetErrorKind::NotFound) => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Appends events under given metadata without deciding anything: for imports and tests of
    /// the log itself.
    ///
    /// # Errors
    /// [`StoreError::Contended`] when `expected` isn't the subject's last sequence.
    pub async fn append_events<E: cqrs_es::DomainEvent>(
        &self,
        stream: StreamName,
        aggregate: (&str, &str),
        version: u64,
        events: &[E],
        metadata: &Metadata,
        expected: u64,
    ) -> Result<u64, StoreError> {
        let (aggregate_type, aggregate_id) = aggregate;
        valid_id(aggregate_id)?;
        let commit = NewCommit::encode(aggregate_type, version, events, metadata)?;
        match self.append(stream, aggregate_id, &commit, expected).await? {
            Appended::At(sequence) => Ok(sequence),
            Appended::Conflict => Err(StoreError::Contended {
                stream,
                aggregate_id: aggregate_id.to_owned(),
                tries: 1,
            }),
        }
    }
}

/// Error codes that say, like 10071, that the expectation could not be checked in our favor:
/// 10164 when another publish to the subject is in flight on a replicated stream, 10201 when the
/// message was seen within the duplicate window but isn't stored yet.
fn refused(error: &jetstream::context::PublishError) -> Result<Appended, StoreError> {
    let code = std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<jetstream::Error>())
        .map(jetstream::Error::error_code);
    match code {
        Some(ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT) => Ok(Appended::Conflict),
        Some(code) if code.0 == 10_201 => Ok(Appended::Conflict),
        // The server is there but can't store right now (no leader, no space, shutting down).
        Some(_) | None => Err(unavailable(error)),
    }
}

pub(crate) fn unavailable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

/// An id is one token of a subject, so it can hold neither dots nor wildcards.
pub(crate) fn valid_id(id: &str) -> Result<(), StoreError> {
    let valid = (1..=128).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if valid {
        Ok(())
    } else {
        Err(StoreError::InvalidId(id.to_owned()))
    }
}
