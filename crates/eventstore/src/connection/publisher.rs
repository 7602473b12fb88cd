//! A connection for publishing that never reconnects.
//!
//! The NATS client keeps messages that it couldn't send, reconnects, and sends them then: to a
//! server that may have lost the tail of the log since the message was decided on, and where an
//! expectation, which is a sequence, may hold by coincidence. Checking for a connection before
//! publishing doesn't help, since the message waits in a queue behind the answer. So messages are
//! published on a separate connection, which ends when it breaks and drops its queue. The next one
//! is made before the tails are checked, so everything that is sent on it was decided on what that
//! server holds.

use async_nats::{Client, connection::State, jetstream};
use std::sync::Arc;

use super::{config::LogConfig, connect};
use crate::{StoreError, error::unavailable};

/// The address at which a client whose connection broke looks for a server: nothing can listen on
/// port 0.
const NOWHERE: &str = "nats://127.0.0.1:0";

/// A connection for publishing that never reconnects; see the module.
#[derive(Clone)]
pub(crate) struct Publisher(Arc<Inner>);

struct Inner {
    client: Client,
    jetstream: jetstream::Context,
}

impl Publisher {
    /// Connects, once.
    pub async fn connect(config: &LogConfig) -> Result<Self, StoreError> {
        let client = connect::connect_once(config).await?;
        let nowhere = client.set_server_pool(NOWHERE).await;
        nowhere.map_err(unavailable("preparing the connection to publish on"))?;
        let jetstream = connect::jetstream(config, client.clone());
        Ok(Self(Arc::new(Inner { client, jetstream })))
    }

    /// Whether the client is connected. Once it isn't, it never will be again.
    pub fn is_connected(&self) -> bool {
        self.0.client.connection_state() == State::Connected
    }

    pub fn jetstream(&self) -> &jetstream::Context {
        &self.0.jetstream
    }

    /// Sends what is buffered and ends the connection.
    pub async fn close(&self) {
        if let Err(error) = self.0.client.drain().await {
            tracing::debug!(%error, "could not drain the connection to publish on");
        }
    }
}
