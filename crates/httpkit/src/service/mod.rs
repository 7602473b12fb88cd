//! Serves one or more services on one port, with probes, metrics and documentation.

mod docs_page;
mod document;
mod probes;
mod signals;

pub use document::Constraint;
pub use signals::termination;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use actix_web::{App, HttpServer, dev, web};
use futures_util::future::{BoxFuture, join_all};
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;

use crate::{
    Gate, HandlerResult, HttpConfig, RequestLayer, Routes, SessionVerifier, Unready,
    error::not_found, json::BodyLimit, session::CookiePolicy, telemetry,
};
use document::Document;
use probes::Probes;

/// Interval at which recorded durations are folded into their histograms; until then each takes 16
/// bytes.
const UPKEEP: Duration = Duration::from_secs(2);

/// How long a connection may be idle. Longer than the 60 seconds of common proxies; otherwise they
/// would send a request into a connection that is just being closed.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// A part of the server that handles requests: the services, and the program itself.
pub trait Service: Send + Sync + 'static {
    /// Its name: one word.
    fn name(&self) -> &'static str;

    /// Its routes.
    fn routes(&self) -> Routes {
        Routes::default()
    }

    /// Registers its routes. Called once per worker.
    fn register(&self, cfg: &mut web::ServiceConfig) {
        self.routes().register(cfg);
    }

    /// Its part of the merged document.
    fn openapi(&self) -> OpenApi {
        self.routes().openapi()
    }

    /// Constraints for the merged document. A place that doesn't exist there keeps the server from
    /// starting.
    fn constraints(&self) -> Vec<Constraint> {
        Vec::new()
    }

    /// Its missing dependencies; empty when it is ready. Should return at once.
    fn readiness(&self) -> Vec<Unready> {
        Vec::new()
    }

    /// Stops its work, after the last response.
    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

type Fallback = dyn Fn(&mut web::ServiceConfig) + Send + Sync;

/// A server that is being configured.
pub struct Server {
    config: HttpConfig,
    gate: Gate,
    verifier: SessionVerifier,
    services: Vec<Arc<dyn Service>>,
    fallback: Option<Arc<Fallback>>,
    listener: Option<TcpListener>,
    stop: CancellationToken,
}

impl Server {
    /// A server without services.
    pub fn new(config: &HttpConfig, gate: Gate, verifier: SessionVerifier) -> Self {
        Self {
            config: config.clone(),
            gate,
            verifier,
            services: Vec::new(),
            fallback: None,
            listener: None,
            stop: CancellationToken::new(),
        }
    }

    /// Adds services.
    #[must_use]
    pub fn services(mut self, services: impl IntoIterator<Item = Arc<dyn Service>>) -> Self {
        self.services.extend(services);
        self
    }

    /// Handles all other paths (the web app), except unknown paths below `/api/`: those are 404 in
    /// the envelope.
    #[must_use]
    pub fn fallback(
        mut self,
        routes: impl Fn(&mut web::ServiceConfig) + Send + Sync + 'static,
    ) -> Self {
        self.fallback = Some(Arc::new(routes));
        self
    }

    /// Uses this listener instead of the configured address.
    #[must_use]
    pub fn listener(mut self, listener: TcpListener) -> Self {
        self.listener = Some(listener);
        self
    }

    /// Stops gracefully when this is cancelled.
    #[must_use]
    pub fn stop_on(mut self, stop: CancellationToken) -> Self {
        self.stop = stop;
        self
    }

    /// Binds the address, without answering yet. The error for an address in use names it.
    pub fn bind(self) -> io::Result<BoundServer> {
        let HttpConfig { host, port, .. } = &self.config;
        let listener = match &self.listener {
            Some(listener) => listener.try_clone()?,
            None => TcpListener::bind((host.as_str(), *port)).map_err(|error| {
                io::Error::new(
                    error.kind(),
                    format!("can't listen on {host}:{port}: {error}"),
                )
            })?,
        };
        let address = listener.local_addr()?;
        telemetry::metrics();
        let document = Document::of(&self.services)?;
        let server = self.start(listener, document)?;
        Ok(BoundServer {
            address,
            server,
            services: self.services,
            shutdown_timeout: self.config.shutdown_timeout,
        })
    }
}

/// A server that is bound to its address.
pub struct BoundServer {
    address: SocketAddr,
    server: dev::Server,
    services: Vec<Arc<dyn Service>>,
    shutdown_timeout: Duration,
}

impl BoundServer {
    /// The address it listens on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Handles requests until it is stopped; then completes the accepted ones, and stops the
    /// services.
    pub async fn run(self) -> io::Result<()> {
        let names: Vec<_> = self.services.iter().map(|service| service.name()).collect();
        tracing::info!(address = %self.address, services = ?names, "listening");
        let upkeep = tokio::spawn(async {
            let mut ticks = tokio::time::interval(UPKEEP);
            loop {
                ticks.tick().await;
                telemetry::metrics().run_upkeep();
            }
        });
        let served = self.server.await;
        upkeep.abort();
        let ended = join_all(self.services.iter().map(|service| service.shutdown()));
        if tokio::time::timeout(self.shutdown_timeout.max(UPKEEP), ended)
            .await
            .is_err()
        {
            tracing::warn!("a service did not end in time");
        }
        tracing::info!("stopped");
        served
    }
}

impl Server {
    fn start(&self, listener: TcpListener, document: Document) -> io::Result<dev::Server> {
        let Self {
            config,
            gate,
            verifier,
            services,
            fallback,
            stop,
            ..
        } = self;
        let kit = RequestLayer::new(config, gate.clone());
        let verifier = web::Data::new(verifier.clone());
        let body_limit = web::Data::new(BodyLimit(config.body_limit));
        let proxies = web::Data::new(config.trusted_proxies.clone());
        let cookies = web::Data::new(CookiePolicy {
            secure: config.cookie_secure,
            proxies: config.trusted_proxies.clone(),
        });
        let probes = web::Data::new(Probes {
            gate: gate.clone(),
            services: services.clone(),
            stop: stop.clone(),
        });
        let document = web::Data::new(document);
        let (services, fallback) = (services.clone(), fallback.clone());
        let app = move || {
            App::new()
                .app_data(verifier.clone())
                .app_data(body_limit.clone())
                .app_data(proxies.clone())
                .app_data(cookies.clone())
                .app_data(probes.clone())
                .app_data(document.clone())
                .default_service(web::to(unknown_route))
                .configure(|cfg| {
                    for service in &services {
                        service.register(cfg);
                    }
                    probes::routes(cfg);
                    document::routes(cfg);
                    cfg.service(web::resource("/api/{unknown:.*}").to(unknown_route));
                    if let Some(fallback) = &fallback {
                        fallback(cfg);
                    }
                })
                .wrap(kit.clone())
        };
        let server = HttpServer::new(app)
            .workers(config.workers)
            .keep_alive(KEEP_ALIVE)
            .tcp_nodelay(true)
            .shutdown_timeout(config.shutdown_timeout.as_secs())
            .shutdown_signal(stop.clone().cancelled_owned())
            .listen(listener)?;
        Ok(server.run())
    }
}

async fn unknown_route() -> HandlerResult {
    Err(not_found())
}
