//! A connection that messages are published on, and that is never made again.
//!
//! The client of NATS keeps what it couldn't send, connects again, and sends it then: to a server
//! that may have lost the tail of the log since the message was decided on, and where an expectation,
//! which is a sequence, may hold by coincidence. Asking whether there is a connection before
//! publishing doesn't help, since the message waits in a queue behind the answer. So messages are
//! published on a connection of their own, which ends when it breaks and takes along what waits in
//! it. The next one is made before the tails are looked at, so whatever is sent on it was decided on
//! what that server holds.

use async_nats::{Client, connection::State, jetstream};
use std::sync::Arc;

use super::{config::LogConfig, connect};
use crate::{StoreError, error::unavailable};

/// Where a client looks for a server when its connection is gone: nothing can listen on port 0.
const NOWHERE: &str = "nats://127.0.0.1:0";

/// See the module.
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

    /// Whether the connection stands, as the client knows. Once it doesn't, it never will again.
    pub fn is_connected(&self) -> bool {
        self.0.client.connection_state() == State::Connected
    }

    pub fn jetstream(&self) -> &jetstream::Context {
        &self.0.jetstream
    }

    /// Sends what was written and ends the connection.
    pub async fn close(&self) {
        if let Err(error) = self.0.client.drain().await {
            tracing::debug!(%error, "could not drain the connection to publish on");
        }
    }
}
