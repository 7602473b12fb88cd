//! A NATS server for one test.

use std::sync::Arc;

use devservers::{NatsOptions, NatsServer};

use crate::blocking;

/// A NATS server with JetStream that belongs to one test; it starts in some 50 ms and ends with
/// the last clone of the value.
#[derive(Debug, Clone)]
pub struct Nats {
    server: Arc<NatsServer>,
}

impl Nats {
    /// Starts one with the server's default settings.
    pub async fn start() -> Self {
        Self::start_with(NatsOptions::default()).await
    }

    /// Starts one as told.
    pub async fn start_with(options: NatsOptions) -> Self {
        let server = blocking::run("start NATS", move || NatsServer::start(&options)).await;
        Self {
            server: Arc::new(server),
        }
    }

    /// `nats://127.0.0.1:PORT`, the same after a restart.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// Kills it as a power cut would; returns when it is gone.
    pub async fn kill9(&self) {
        let server = self.server.clone();
        blocking::run("kill NATS", move || server.kill9()).await;
    }

    /// Starts it again on the same port and data (after an orderly end, if it runs); returns when
    /// it takes connections.
    pub async fn restart(&self) {
        let server = self.server.clone();
        blocking::run("restart NATS", move || server.restart()).await;
    }

    /// Freezes it: connections stay open, and nothing is answered.
    pub fn pause(&self) {
        self.server().pause().unwrap_or_else(|e| panic!("{e:#}"));
    }

    /// Lets it go on after [`Nats::pause`].
    pub fn resume(&self) {
        self.server().resume().unwrap_or_else(|e| panic!("{e:#}"));
    }

    /// The process behind it.
    pub fn server(&self) -> &NatsServer {
        &self.server
    }
}
