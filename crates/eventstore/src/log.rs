//! The log as a whole: its connection, and access to each of its facets.

use std::sync::Arc;
use tokio::sync::watch;

use crate::{
    Backup, DeadLetters, Holes, Importer, LogConfig, PubSub, Reader, Scheduler, Store, StoreError,
    StreamName, Streams, Tails, Workers, admin::check_is_led, connection::Connection,
    read::keep_proved,
};

/// The event log. Clones share one connection.
///
/// The operations on the log are grouped into facets, one type per purpose:
/// `log.dead_letters().list()`, `log.streams().ensure()`. A facet holds a clone of the connection
/// and does not borrow the log: a clone costs one reference count, little next to a round trip to
/// the server, and so a facet can be kept in a struct, and what it returns (streams of commits,
/// workers) moved into a task.
#[derive(Clone, Debug)]
pub struct Log {
    pub(crate) connection: Connection,
}

impl Log {
    /// Connects, and reconnects for as long as the process lives.
    ///
    /// Returns at once, even if no server answers yet: [`Log::is_connected`] reports that, and
    /// [`Streams::ensure`] must have succeeded once before anything is appended.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when an address, a credentials file or a certificate can't be used.
    pub async fn connect(config: LogConfig) -> Result<Self, StoreError> {
        let connection = Connection::connect(config).await?;
        let (tails, connected) = (Arc::clone(connection.tails()), connection.watch());
        // The task ends with the last clone of the connection.
        tokio::spawn(keep_proved(connection.downgrade(), tails, connected));
        Ok(Self { connection })
    }

    /// Connects, waits until a server answers, and creates the streams of a new installation: for
    /// programs that can do nothing without the log. A service starts to answer before that.
    ///
    /// # Errors
    /// Those of [`Log::connect`] and [`Streams::ensure`].
    pub async fn open(config: LogConfig) -> Result<Self, StoreError> {
        let log = Self::connect(config).await?;
        // It ends without a connection only with the log itself, which lives here.
        let _ = log.connection().wait_for(|connected| *connected).await;
        log.streams().ensure().await?;
        Ok(log)
    }

    /// Connects once more, separately, to find out why the connection fails.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when the server rejects this process's credentials, or one side
    /// doesn't trust the other's certificate; [`StoreError::Unavailable`] when the server can't be
    /// reached.
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.connection.probe().await
    }

    /// Whether it is connected right now.
    pub fn is_connected(&self) -> bool {
        self.connection.is_connected()
    }

    /// Follows whether it is connected.
    pub fn connection(&self) -> watch::Receiver<bool> {
        self.connection.watch()
    }

    /// Checks that the connected server is supported.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when it is older than [`OLDEST_SERVER`](crate::OLDEST_SERVER);
    /// [`StoreError::Unavailable`] when there was no connection yet.
    pub fn check_server(&self) -> Result<(), StoreError> {
        self.connection.check_server()
    }

    /// Checks that the server is in touch with its cluster, within twice the answer timeout: on the
    /// connection for reads, and on the one for publishing, which may lead to another server.
    ///
    /// The length of a stream would prove nothing: a server that is cut off from the others reports
    /// it for as long as it lives.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no answer comes: a connection can exist without a working
    /// server behind it. [`StoreError::Rejected`] when the server is too old.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.check_server()?;
        check_is_led(&self.connection, self.connection.jetstream()).await?;
        let Some(publisher) = self.connection.tails().publisher() else {
            return Ok(());
        };
        let answered = check_is_led(&self.connection, publisher.jetstream()).await;
        if answered.is_err() {
            // It may be connected to a server that is cut off from the others.
            self.connection.tails().give_up_publisher();
        }
        answered
    }

    /// Leaves the connected server for another, if there is one: this one may be cut off from the
    /// others, and a working connection is never given up otherwise. The choice is random, and may
    /// return to the same server. Returns whether the client reconnects.
    pub async fn move_on(&self) -> bool {
        let client = self.connection.client();
        let told_of = |info: async_nats::ServerInfo| info.connect_urls.len() > 1;
        let others = self.connection.config().url.contains(',')
            || client.try_server_info().is_some_and(told_of);
        if !others {
            return false;
        }
        self.connection.tails().give_up_publisher();
        client.force_reconnect().await.is_ok()
    }

    /// Sends what is buffered and ends the connection.
    pub async fn close(&self) {
        if let Some(publisher) = self.connection.tails().publisher() {
            publisher.close().await;
        }
        if let Err(error) = self.connection.client().drain().await {
            tracing::warn!(%error, "could not drain the connection to NATS");
        }
    }

    /// The store of one type of aggregate, in its stream.
    ///
    /// Each call creates a store with a cache of its own; clone a store to share its cache.
    pub fn store<A>(&self, stream: StreamName) -> Store<A>
    where
        A: cqrs_es::Aggregate<Services = ()> + Clone + 'static,
        A::Command: Send,
        A::Error: Send,
    {
        Store::new(self.connection.clone(), stream)
    }

    /// Reads commits and messages.
    pub fn reader(&self) -> Reader {
        Reader::new(self.connection.clone())
    }

    /// Reports whether the log lost its tail.
    pub fn tails(&self) -> Tails {
        Tails::new(self.connection.clone())
    }

    /// Handles messages that the server has lost.
    pub fn holes(&self) -> Holes {
        Holes::new(self.connection.clone())
    }

    /// Sets up the streams.
    pub fn streams(&self) -> Streams {
        Streams::new(self.connection.clone())
    }

    /// Copies streams out of the server and back.
    pub fn backup(&self) -> Backup {
        Backup::new(self.connection.clone())
    }

    /// Writes commits without deciding anything.
    pub fn importer(&self) -> Importer {
        Importer::new(self.connection.clone())
    }

    /// Handles messages that could not be processed.
    pub fn dead_letters(&self) -> DeadLetters {
        DeadLetters::new(self.connection.clone())
    }

    /// Keeps the first responses to requests.
    #[cfg(feature = "idempotency")]
    pub fn idempotency(&self) -> crate::Idempotency {
        crate::Idempotency::new(self.connection.clone())
    }

    /// Publishes public keys.
    #[cfg(feature = "session-keys")]
    pub fn session_keys(&self) -> crate::SessionKeys {
        crate::SessionKeys::new(self.connection.clone())
    }

    /// Schedules commands that fall due later.
    pub fn scheduler(&self) -> Scheduler {
        Scheduler::new(self.connection.clone())
    }

    /// Starts workers.
    pub fn workers(&self) -> Workers {
        Workers::new(self.connection.clone())
    }

    /// Broadcasts announcements.
    pub fn pubsub(&self) -> PubSub {
        PubSub::new(self.connection.clone())
    }
}
