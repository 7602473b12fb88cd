//! From a configuration to a running process, the same for every choice of services.

use httpkit::{Config, Server, Service, SessionVerifier, service::termination, telemetry};
use projections::MongoStore;
use std::{net::TcpListener, sync::Arc};
use tokio_util::sync::CancellationToken;

use crate::{Runtime, StartError};

/// The name of the services in the gate until they run.
const SERVICES: &str = "services";

/// The routes for paths that no service has.
pub type Fallback = fn(&mut actix_web::web::ServiceConfig);

/// A process that is about to start.
pub struct Launch {
    /// The whole configuration.
    pub config: Config,
    /// The name under which the log's server and traces show the process.
    pub name: &'static str,
    /// The database, where read models are kept.
    pub read: Option<MongoStore>,
    /// Serves whatever no service does.
    pub fallback: Option<Fallback>,
}

impl Launch {
    /// Listens, waits for log and database, starts the services, serves until SIGTERM or SIGINT,
    /// and shuts everything down in order.
    ///
    /// The port answers while something is still missing: `/healthz` reports that the process is
    /// alive, `/readyz` what it waits for, and the API answers 503.
    ///
    /// # Errors
    /// When the configuration is wrong, the port is taken, or a stream could lose data.
    pub async fn run(
        self,
        start: impl AsyncFnOnce(Runtime) -> Result<Vec<Arc<dyn Service>>, StartError>,
    ) -> Result<(), StartError> {
        telemetry::start(&self.config, self.name)?;
        crate::propagation::install();
        eventstore::describe_metrics();
        projections::describe_metrics();
        let (host, port) = (self.config.http.host.as_str(), self.config.http.port);
        let listener = TcpListener::bind((host, port)).map_err(|source| StartError::Listen {
            address: format!("{host}:{port}"),
            source,
        })?;
        let told_to_stop = termination()?;
        let runtime = Runtime::prepare(self.config, self.name, self.read).await?;

        let (draining, told) = (runtime.draining(), told_to_stop.clone());
        tokio::spawn(async move {
            told.cancelled().await;
            draining.cancel();
        });
        let startup = StartupServer::open(&runtime, &listener)?;
        let services = async {
            runtime.connect().await?;
            start(runtime.clone()).await
        };
        let services = tokio::select! {
            services = services => services?,
            () = told_to_stop.cancelled() => return Ok(()),
        };
        let (http, gate) = (&runtime.config.http, runtime.gate.clone());
        let mut server = Server::new(http, gate, runtime.sessions.clone())
            .services(services)
            .listener(listener)
            .stop_on(told_to_stop);
        if let Some(fallback) = self.fallback {
            server = server.fallback(fallback);
        }
        let bound = server.bind()?;
        startup.close().await;
        runtime.gate.up(SERVICES);
        let ended = bound.run().await;
        runtime.shutdown().await;
        telemetry::flush().await;
        Ok(ended?)
    }
}

/// The server on the port until the services run.
struct StartupServer {
    closing: CancellationToken,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl StartupServer {
    fn open(runtime: &Runtime, listener: &TcpListener) -> std::io::Result<Self> {
        let closing = CancellationToken::new();
        runtime.gate.down(SERVICES, "starting");
        let server = Server::new(
            &runtime.config.http,
            runtime.gate.clone(),
            SessionVerifier::default(),
        )
        .listener(listener.try_clone()?)
        .stop_on(closing.clone())
        .bind()?;
        Ok(Self {
            closing,
            server: tokio::spawn(server.run()),
        })
    }

    async fn close(self) {
        self.closing.cancel();
        if let Err(error) = self.server.await {
            tracing::debug!(%error, "the startup server did not close cleanly");
        }
    }
}
