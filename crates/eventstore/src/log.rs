//! The log as a whole: its connection, and the way to each of its facets.

use std::sync::Arc;
use tokio::sync::watch;

use crate::{
    Backup, DeadLetters, Holes, Importer, LogConfig, PubSub, Reader, Scheduler, Store, StoreError,
    StreamName, Streams, Tails, Workers, admin::check_is_led, connection::Connection,
    read::keep_proved,
};

/// The event log. Clones share one connection.
///
/// What can be done with the log is grouped into facets, one type for each purpose:
/// `log.dead_letters().list()`, `log.streams().ensure()`. A facet holds a clone of the connection and
/// not a borrow of the log: a clone is one count, next to a round trip to the server, and so a facet
/// can be kept in a struct, and what it returns (streams of commits, workers) moved into a task.
#[derive(Clone, Debug)]
pub struct Log {
    pub(crate) connection: Connection,
}

impl Log {
    /// Connects, and goes on connecting for as long as the process lives.
    ///
    /// Returns at once, also when no server answers yet: [`Log::is_connected`] tells, and
    /// [`Streams::ensure`] must have succeeded once before anything is appended.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when an address, a credentials file or a certificate can't be used.
    pub async fn connect(config: LogConfig) -> Result<Self, StoreError> {
        let connection = Connection::connect(config).await?;
        let (tails, connected) = (Arc::clone(connection.tails()), connection.watch());
        // It ends by itself, with the last clone of the connection.
        tokio::spawn(keep_proved(connection.downgrade(), tails, connected));
        Ok(Self { connection })
    }

    /// Connects, waits for as long as no server answers, and makes the streams of a new installation:
    /// for who has nothing to do without the log. A service begins to answer before that.
    ///
    /// # Errors
    /// Those of [`Log::connect`] and [`Streams::ensure`].
    pub async fn open(config: LogConfig) -> Result<Self, StoreError> {
        let log = Self::connect(config).await?;
        // It ends without a connection only with the log itself, which is here.
        let _ = log.connection().wait_for(|connected| *connected).await;
        log.streams().ensure().await?;
        Ok(log)
    }

    /// Connects once more, on the side: tells why the connection doesn't stand.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when the server doesn't let this process in, or one doesn't trust
    /// the other's certificate; [`StoreError::Unavailable`] when it can't be reached.
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.connection.probe().await
    }

    /// Whether the connection stands right now.
    pub fn is_connected(&self) -> bool {
        self.connection.is_connected()
    }

    /// Follows whether the connection stands.
    pub fn connection(&self) -> watch::Receiver<bool> {
        self.connection.watch()
    }

    /// Compares the server that the connection leads to with the oldest that will do.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when it is older than [`OLDEST_SERVER`](crate::OLDEST_SERVER);
    /// [`StoreError::Unavailable`] when there was no connection yet.
    pub fn check_server(&self) -> Result<(), StoreError> {
        self.connection.check_server()
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
        check_is_led(&self.connection, self.connection.jetstream()).await?;
        let Some(publisher) = self.connection.tails().publisher() else {
            return Ok(());
        };
        let answered = check_is_led(&self.connection, publisher.jetstream()).await;
        if answered.is_err() {
            // It may be with a server that is cut off from the others.
            self.connection.tails().give_up_publisher();
        }
        answered
    }

    /// Leaves the server of the connection for another, if there is one: this one may be cut off
    /// from the others, and a connection that stands is never given up by itself. Which one it will
    /// be is a matter of chance, and may be the same again. Says whether it does.
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

    /// Sends what was written and ends the connection.
    pub async fn close(&self) {
        if let Some(publisher) = self.connection.tails().publisher() {
            publisher.close().await;
        }
        if let Err(error) = self.connection.client().drain().await {
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
        Store::new(self.connection.clone(), stream)
    }

    /// Reads commits and messages.
    pub fn reader(&self) -> Reader {
        Reader::new(self.connection.clone())
    }

    /// Knows whether the log lost its tail.
    pub fn tails(&self) -> Tails {
        Tails::new(self.connection.clone())
    }

    /// Looks after messages that the server has lost.
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

    /// Writes commits that nothing is decided on.
    pub fn importer(&self) -> Importer {
        Importer::new(self.connection.clone())
    }

    /// Looks after messages that could not be handled.
    pub fn dead_letters(&self) -> DeadLetters {
        DeadLetters::new(self.connection.clone())
    }

    /// Keeps the first answers to requests.
    #[cfg(feature = "idempotency")]
    pub fn idempotency(&self) -> crate::Idempotency {
        crate::Idempotency::new(self.connection.clone())
    }

    /// Publishes public keys.
    #[cfg(feature = "session-keys")]
    pub fn session_keys(&self) -> crate::SessionKeys {
        crate::SessionKeys::new(self.connection.clone())
    }

    /// Lets commands fall due later.
    pub fn scheduler(&self) -> Scheduler {
        Scheduler::new(self.connection.clone())
    }

    /// Starts workers.
    pub fn workers(&self) -> Workers {
        Workers::new(self.connection.clone())
    }

    /// Spreads announcements.
    pub fn pubsub(&self) -> PubSub {
        PubSub::new(self.connection.clone())
    }
}
