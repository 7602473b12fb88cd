//! The log as a whole: its connection, its streams, its life.

use async_nats::{
    StatusCode,
    jetstream::{self, ErrorCode, context::GetStreamErrorKind, stream::Stream},
};
use chrono::{DateTime, Utc};
use std::{
    fmt,
    sync::{Arc, Weak},
};
use tokio::sync::watch;

use crate::{
    LogConfig, StoreError, StreamName,
    connection::{self, Heard},
    error::unavailable,
    holes::Holes,
    server,
    store::Store,
    stream_setup, streams,
    tails::{Tails, keep_proved},
};

/// The event log. Clones share one connection.
#[derive(Clone)]
pub struct Log {
    inner: Arc<Inner>,
}

struct Inner {
    config: LogConfig,
    client: async_nats::Client,
    jetstream: jetstream::Context,
    heard: Heard,
    tails: Arc<Tails>,
    holes: Holes,
}

/// The log, for who must not keep it open.
pub(crate) struct WeakLog(Weak<Inner>);

impl WeakLog {
    /// The log, if anybody has it still.
    pub fn upgrade(&self) -> Option<Log> {
        self.0.upgrade().map(|inner| Log { inner })
    }
}

impl fmt::Debug for Log {
    // Not the whole configuration: an address may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}

impl Log {
    /// Connects, and goes on connecting for as long as the process lives.
    ///
    /// Returns at once, also when no server answers yet: [`Log::is_connected`] tells, and
    /// [`Log::ensure_streams`] must have succeeded once before anything is appended.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when an address, a credentials file or a certificate can't be used.
    pub async fn connect(config: LogConfig) -> Result<Self, StoreError> {
        let (client, heard) = connection::connect(&config).await?;
        let jetstream = connection::jetstream(&config, client.clone());
        let connected = heard.connection();
        let tails = Tails::new(&config.event_streams, connected.clone());
        let inner = Arc::new(Inner {
            config,
            client,
            jetstream,
            heard,
            tails: Arc::clone(&tails),
            holes: Holes::default(),
        });
        let weak = WeakLog(Arc::downgrade(&inner));
        // It ends by itself, with the last clone of the log.
        tokio::spawn(keep_proved(weak, tails, connected));
        Ok(Self { inner })
    }

    /// Connects, waits for as long as no server answers, and makes the streams of a new installation:
    /// for who has nothing to do without the log. A service begins to answer before that.
    ///
    /// # Errors
    /// Those of [`Log::connect`] and [`Log::ensure_streams`].
    pub async fn open(config: LogConfig) -> Result<Self, StoreError> {
        let log = Self::connect(config).await?;
        // It ends without a connection only with the log itself, which is here.
        let _ = log.connection().wait_for(|connected| *connected).await;
        log.ensure_streams().await?;
        Ok(log)
    }

    /// Connects once more, on the side: tells why the connection doesn't stand.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when the server doesn't let this process in, or one doesn't trust
    /// the other's certificate; [`StoreError::Unavailable`] when it can't be reached.
    pub async fn probe(&self) -> Result<(), StoreError> {
        connection::probe(&self.inner.config).await
    }

    /// Whether the connection stands right now.
    pub fn is_connected(&self) -> bool {
        self.inner.heard.is_connected(&self.inner.client)
    }

    /// Follows whether the connection stands.
    pub fn connection(&self) -> watch::Receiver<bool> {
        self.inner.heard.connection()
    }

    /// Compares the server that the connection leads to with the oldest that will do.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when it is older than [`OLDEST_SERVER`](crate::OLDEST_SERVER);
    /// [`StoreError::Unavailable`] when there was no connection yet.
    pub fn check_server(&self) -> Result<(), StoreError> {
        match self.inner.client.try_server_info() {
            Some(info) => server::check(&info),
            None => Err(StoreError::Unavailable("not connected to NATS".to_owned())),
        }
    }

    /// Asks for an answer that only a server can give that is one with the others, within the bound
    /// of two answers: on the connection that is read from, and on the one to publish on, which may be
    /// to another server.
    ///
    /// Any server would tell how long a stream is, also one that is cut off from the rest, and tell
    /// it for as long as it lives.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it gives none: a connection can stand with nobody behind
    /// it. [`StoreError::Rejected`] when the server is too old.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.check_server()?;
        is_led(self.jetstream()).await?;
        let Some(publisher) = self.tails().publisher() else {
            return Ok(());
        };
        let answered = is_led(publisher.jetstream()).await;
        if answered.is_err() {
            // It may be with a server that is cut off from the others.
            self.tails().give_up_publisher();
        }
        answered
    }

    /// Leaves the server of the connection for another, if there is one: this one may be cut off
    /// from the others, and a connection that stands is never given up by itself. Which one it will
    /// be is a matter of chance, and may be the same again. Says whether it does.
    pub async fn move_on(&self) -> bool {
        let client = &self.inner.client;
        let told_of = |info: async_nats::ServerInfo| info.connect_urls.len() > 1;
        let others =
            self.inner.config.url.contains(',') || client.try_server_info().is_some_and(told_of);
        if !others {
            return false;
        }
        self.tails().give_up_publisher();
        client.force_reconnect().await.is_ok()
    }

    /// Sends what was written and ends the connection.
    pub async fn close(&self) {
        if let Some(publisher) = self.tails().publisher() {
            publisher.close().await;
        }
        if let Err(error) = self.inner.client.drain().await {
            tracing::warn!(%error, "could not drain the connection to NATS");
        }
    }

    /// The store of one kind of aggregate, in its stream.
    ///
    /// Each call makes a store with a cache of its own; clone one to share its cache.
    pub fn store<A>(&self, stream: StreamName) -> Store<A>
    where
        A: cqrs_es::Aggregate<Services = ()> + Clone + 'static,
    {
        Store::new(self.clone(), stream)
    }

    /// The sequence of a stream's last message; 0 when it is empty. One that is lost, as an operator
    /// has acknowledged, isn't counted: nobody would ever reach it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn last_sequence(&self, stream: StreamName) -> Result<u64, StoreError> {
        let end = self.stream_end(stream).await?;
        self.readable_up_to(stream, end).await
    }

    /// The last sequence that a stream counts, whether or not its message can be read.
    pub(crate) async fn stream_end(&self, stream: StreamName) -> Result<u64, StoreError> {
        Ok(self.info(stream).await?.0)
    }

    /// Whether there is such a stream. A server that isn't reached says nothing of that.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when NATS can't be reached.
    pub async fn has_stream(&self, stream: StreamName) -> Result<bool, StoreError> {
        match self.inner.jetstream.get_stream(stream.as_str()).await {
            Ok(_) => Ok(true),
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(refused)
                    if refused.error_code() == ErrorCode::STREAM_NOT_FOUND =>
                {
                    Ok(false)
                }
                _ => Err(unavailable(error)),
            },
        }
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

    /// What time it is by the clock of the server that answers for a stream.
    pub(crate) async fn time_of(&self, stream: StreamName) -> Result<DateTime<Utc>, StoreError> {
        #[derive(serde::Deserialize)]
        struct Answer {
            ts: DateTime<Utc>,
        }
        let subject = format!("$JS.API.STREAM.INFO.{stream}");
        let answer = self.ask(subject, Vec::new()).await?;
        let answer: Answer = serde_json::from_slice(&answer.payload).map_err(unavailable)?;
        Ok(answer.ts)
    }

    /// Whether a stream knows of a message of a key that it can't give.
    ///
    /// A request for the newest messages of several keys looks into the index first, and says
    /// differently that nothing is there and that what is there can't be read. Whatever else is said
    /// counts as the second, so that a server with other words is noticed at the first command.
    ///
    /// Information about a stream tells how many messages a key has, too. To ask for that halved
    /// the rate of first commands (2,400 per second in place of 4,500).
    pub(crate) async fn hides(&self, stream: StreamName, key: &str) -> Result<bool, StoreError> {
        let question = serde_json::json!({ "multi_last": [stream.subject(key)] });
        let subject = format!("$JS.API.DIRECT.GET.{stream}");
        let answer = self.ask(subject, question.to_string().into_bytes()).await?;
        let not_in_index = answer.description.as_deref() == Some("No Results");
        match answer.status {
            // It has got its first one meanwhile.
            None => Ok(false),
            Some(StatusCode::NOT_FOUND) => Ok(!not_in_index),
            Some(status) => Err(StoreError::Unavailable(format!("answer {status}"))),
        }
    }

    /// Asks what the client has no call for.
    async fn ask(
        &self,
        subject: String,
        question: Vec<u8>,
    ) -> Result<async_nats::Message, StoreError> {
        let request = async_nats::Request::new()
            .timeout(Some(self.inner.config.answer_timeout))
            .payload(question.into());
        let answer = self.inner.client.send_request(subject, request).await;
        answer.map_err(unavailable)
    }

    pub(crate) fn holes(&self) -> &Holes {
        &self.inner.holes
    }

    /// How many messages of a stream a durable consumer has not brought to an end.
    pub(crate) async fn waiting_for(
        &self,
        stream: StreamName,
        durable: &str,
    ) -> Result<u64, StoreError> {
        let handle = self.stream(stream).await?;
        let info = handle.consumer_info(durable).await.map_err(unavailable)?;
        Ok(info.num_pending + info.num_ack_pending as u64)
    }

    pub(crate) fn tails(&self) -> &Tails {
        &self.inner.tails
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

    /// Whether the server is no part of a cluster, so that whoever answers is the leader of all
    /// streams.
    ///
    /// How many copies streams have would tell as well, until somebody gives them more. This can't
    /// change under a connection.
    pub(crate) fn server_is_alone(&self) -> bool {
        let info = self.inner.client.try_server_info();
        info.is_some_and(|info| info.cluster.is_none())
    }

    pub(crate) fn may_not_make_streams(&self) -> bool {
        self.inner.heard.may_not_make_streams()
    }

    /// Ends when the server says that this process may make no streams.
    pub(crate) async fn until_told_not_to_make_streams(&self) {
        self.inner.heard.until_told_not_to_make_streams().await;
    }

    /// A handle to a stream; asks the server nothing.
    pub(crate) async fn stream(&self, stream: StreamName) -> Result<Stream<()>, StoreError> {
        self.inner
            .jetstream
            .get_stream_no_info(stream.as_str())
            .await
            .map_err(unavailable)
    }
}

/// Whether the server of a connection can reach the leader of a stream.
async fn is_led(jetstream: &jetstream::Context) -> Result<(), StoreError> {
    let handle = jetstream.get_stream_no_info(streams::KEYS.as_str()).await;
    let info = handle.map_err(unavailable)?.get_info().await;
    stream_setup::led(&info.map_err(unavailable)?)
}
