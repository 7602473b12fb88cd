//! The log as a whole: its connection, its streams, its life.

use async_nats::jetstream::{self, stream::Stream};
use chrono::{DateTime, Utc};
use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;

use crate::{
    LogConfig, StoreError, StreamName, connection,
    error::unavailable,
    store::Store,
    streams,
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
    connected: watch::Receiver<bool>,
    /// Whether every stream was seen to have one copy, so that whoever answers is the leader.
    one_copy: AtomicBool,
    tails: Arc<Tails>,
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
    /// [`StoreError::Refused`] when an address, a credentials file or a certificate can't be used.
    pub async fn connect(config: LogConfig) -> Result<Self, StoreError> {
        let (client, connected) = connection::connect(&config).await?;
        let jetstream = jetstream::ContextBuilder::new()
            .timeout(config.answer_timeout)
            // The client allows so many unanswered publishes at once and then holds the others
            // back. Those whose command was given up must not count longer than anybody waits.
            .ack_timeout(config.answer_timeout)
            .build(client.clone());
        let tails = Tails::new(&config.event_streams, connected.clone());
        let inner = Arc::new(Inner {
            config,
            client,
            jetstream,
            connected: connected.clone(),
            one_copy: AtomicBool::new(false),
            tails: Arc::clone(&tails),
        });
        let weak = WeakLog(Arc::downgrade(&inner));
        // It ends by itself, with the last clone of the log.
        tokio::spawn(keep_proved(weak, tails, connected));
        Ok(Self { inner })
    }

    /// Connects, waits for as long as no server answers, and makes the streams that are missing: for
    /// who has nothing to do without the log. A service begins to answer before that.
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
    /// [`StoreError::Refused`] when the server doesn't let this process in, or one doesn't trust
    /// the other's certificate; [`StoreError::Unavailable`] when it can't be reached.
    pub async fn probe(&self) -> Result<(), StoreError> {
        connection::probe(&self.inner.config).await
    }

    /// Creates the streams that are missing and checks the others.
    ///
    /// Safe to repeat, and when many processes start at once.
    ///
    /// # Errors
    /// [`StoreError::StreamDiffers`] when a stream could lose data, [`StoreError::Unavailable`]
    /// when NATS can't be reached or can't create one.
    pub async fn ensure_streams(&self) -> Result<(), StoreError> {
        // Creating a replicated stream takes longer than an answer to a command may.
        let patient = jetstream::ContextBuilder::new()
            .timeout(Duration::from_secs(10))
            .build(self.inner.client.clone());
        let config = &self.inner.config;
        let copies = streams::ensure(&patient, &config.event_streams, config.replicas).await?;
        self.inner.one_copy.store(copies == 1, Ordering::Relaxed);
        // In a cluster, a stream that was made a moment ago doesn't answer everywhere yet. Keys are
        // what a process asks for first, and nobody has to be refused them because it was quick.
        self.next_message(streams::KEYS, ">", 1).await?;
        Ok(())
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
    /// [`StoreError::Unavailable`] when it gives none: a connection can stand with nobody behind
    /// it.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.last_sequence(streams::COMMANDS).await.map(|_| ())
    }

    /// Sends what was written and ends the connection.
    pub async fn close(&self) {
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

    pub(crate) fn has_one_copy(&self) -> bool {
        self.inner.one_copy.load(Ordering::Relaxed)
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
