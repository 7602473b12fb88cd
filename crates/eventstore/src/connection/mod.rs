//! The connection to the log, which all facets of a [`Log`](crate::Log) share: configuration, the
//! client's state, and publishing. It depends on no facet.

mod config;
mod connect;
mod known_holes;
mod loss;
mod publish;
mod publisher;
pub(crate) mod pull_requests;
mod server_version;
mod state;
mod tail;
mod tail_tracker;

use async_nats::{
    jetstream::{self, stream::Stream},
    subject::ToSubject,
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::sync::watch;

use crate::{Commit, StoreError, StreamName, error::unavailable};

pub use config::{LogConfig, Login};
pub use known_holes::AcknowledgedHole;
pub(crate) use known_holes::KnownHoles;
pub(crate) use publish::{Appended, Basis, classify_publish_error, not_connected};
pub use server_version::OLDEST_SERVER;
pub use tail::SeenCommit;
pub(crate) use tail_tracker::{CommitPlace, TailTracker};

use state::ConnectionState;

/// A connection. Clones share it.
#[derive(Clone)]
pub(crate) struct Connection {
    inner: Arc<Inner>,
}

struct Inner {
    config: LogConfig,
    client: async_nats::Client,
    jetstream: jetstream::Context,
    state: ConnectionState,
    tails: Arc<TailTracker>,
    holes: KnownHoles,
}

/// A reference that doesn't keep the connection open.
pub(crate) struct WeakConnection(Weak<Inner>);

impl WeakConnection {
    /// Returns the connection, unless it is closed.
    pub fn upgrade(&self) -> Option<Connection> {
        self.0.upgrade().map(|inner| Connection { inner })
    }
}

impl fmt::Debug for Connection {
    // Not the whole configuration: an address may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Begins to connect, and returns before a server has answered.
    pub async fn connect(config: LogConfig) -> Result<Self, StoreError> {
        let state = ConnectionState::new();
        let client = connect::connect(&config, &state).await?;
        let jetstream = connect::jetstream(&config, client.clone());
        let tails = TailTracker::new(&config.event_streams, state.connection());
        Ok(Self {
            inner: Arc::new(Inner {
                config,
                client,
                jetstream,
                state,
                tails,
                holes: KnownHoles::default(),
            }),
        })
    }

    /// Connects once more, separately, to find out why this connection fails.
    pub async fn probe(&self) -> Result<(), StoreError> {
        connect::probe(&self.inner.config).await
    }

    pub fn downgrade(&self) -> WeakConnection {
        WeakConnection(Arc::downgrade(&self.inner))
    }

    /// Whether it is connected right now.
    pub fn is_connected(&self) -> bool {
        self.inner.state.is_connected(&self.inner.client)
    }

    /// Follows whether it is connected.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.inner.state.connection()
    }

    /// Checks that the server is not older than [`OLDEST_SERVER`].
    pub fn check_server(&self) -> Result<(), StoreError> {
        match self.inner.client.try_server_info() {
            Some(info) => server_version::check(&info),
            None => Err(not_connected()),
        }
    }

    /// Whether the server is not part of a cluster, so that it leads all streams.
    ///
    /// The number of copies of a stream would show that as well, until an operator raises it. This
    /// can't change during a connection.
    pub fn server_is_alone(&self) -> bool {
        let info = self.inner.client.try_server_info();
        info.is_some_and(|info| info.cluster.is_none())
    }

    pub fn may_not_make_streams(&self) -> bool {
        self.inner.state.may_not_make_streams()
    }

    /// Returns when the server reports that this process may not create streams.
    pub async fn until_stream_creation_is_refused(&self) {
        self.inner.state.until_stream_creation_is_refused().await;
    }

    pub fn config(&self) -> &LogConfig {
        &self.inner.config
    }

    pub fn client(&self) -> &async_nats::Client {
        &self.inner.client
    }

    pub fn jetstream(&self) -> &jetstream::Context {
        &self.inner.jetstream
    }

    /// A context for slow requests.
    pub fn patient_jetstream(&self, timeout: Duration) -> jetstream::Context {
        jetstream::ContextBuilder::new()
            .timeout(timeout)
            .build(self.inner.client.clone())
    }

    pub fn tails(&self) -> &Arc<TailTracker> {
        &self.inner.tails
    }

    pub fn holes(&self) -> &KnownHoles {
        &self.inner.holes
    }

    /// Notes commits that were read, of one message.
    pub fn saw(&self, commits: &[Commit]) {
        let Some(first) = commits.first() else {
            return;
        };
        let seen = commits.iter().map(|commit| {
            (
                commit.index,
                commit.commit_id,
                &*commit.metadata.correlation_id,
            )
        });
        self.tails().note(first.stream, first.sequence, seen);
    }

    /// A stream of this installation, by whichever name: from here on the name knows what it is
    /// called on the server.
    pub fn at(&self, stream: StreamName) -> StreamName {
        stream.under(self.inner.config.prefix)
    }

    /// A handle to a stream; sends no request to the server.
    pub async fn stream(&self, stream: StreamName) -> Result<Stream<()>, StoreError> {
        let name = self.at(stream).on_server();
        let handle = self.inner.jetstream.get_stream_no_info(name);
        handle.await.map_err(unavailable("looking for a stream"))
    }

    /// The last sequence of a stream, whether or not its message can be read.
    pub async fn stream_end(&self, stream: StreamName) -> Result<u64, StoreError> {
        Ok(self.stream_info(stream).await?.0)
    }

    /// The creation time of a stream.
    pub async fn stream_created(&self, stream: StreamName) -> Result<DateTime<Utc>, StoreError> {
        Ok(self.stream_info(stream).await?.1)
    }

    async fn stream_info(&self, stream: StreamName) -> Result<(u64, DateTime<Utc>), StoreError> {
        let handle = self.stream(stream).await?;
        let info = handle
            .get_info()
            .await
            .map_err(unavailable("asking for a stream's state"))?;
        Ok((info.state.last_sequence, info.created))
    }

    /// Sends a request that the client has no function for.
    pub async fn ask(
        &self,
        subject: impl ToSubject,
        question: impl Into<Bytes>,
        timeout: Duration,
    ) -> Result<async_nats::Message, StoreError> {
        let request = async_nats::Request::new()
            .timeout(Some(timeout))
            .payload(question.into());
        let answer = self.inner.client.send_request(subject, request).await;
        answer.map_err(unavailable("asking NATS"))
    }
}
