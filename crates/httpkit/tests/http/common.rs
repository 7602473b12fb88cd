//! A real server on a free port, and a client.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix_web::web;
use futures_util::future::BoxFuture;
use httpkit::{Gate, HttpConfig, Server, Service, SessionSigner, SessionVerifier, Unready};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use utoipa::openapi::{
    Info, OpenApi, Paths,
    path::{HttpMethod, OperationBuilder, PathItem},
};
use uuid::Uuid;

pub const USER: Uuid = Uuid::from_u128(7);

/// A service made of any routes.
pub struct Sample {
    pub routes: fn(&mut web::ServiceConfig),
    pub missing: Vec<Unready>,
    pub ended: Arc<AtomicBool>,
}

impl Service for Sample {
    fn name(&self) -> &'static str {
        "sample"
    }

    fn register(&self, cfg: &mut web::ServiceConfig) {
        (self.routes)(cfg);
    }

    fn openapi(&self) -> OpenApi {
        let mut paths = Paths::new();
        let listing = OperationBuilder::new()
            .tag("samples")
            .summary(Some("Lists <samples>"))
            .build();
        paths.paths.insert(
            "/api/samples".to_owned(),
            PathItem::new(HttpMethod::Get, listing),
        );
        OpenApi::new(Info::new("sample", "1"), paths)
    }

    fn readiness(&self) -> Vec<Unready> {
        self.missing.clone()
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.ended.store(true, Ordering::SeqCst) })
    }
}

/// A running server.
pub struct Running {
    pub base: String,
    pub gate: Gate,
    pub signer: SessionSigner,
    pub client: reqwest::Client,
    pub stop: CancellationToken,
    pub ended: Arc<AtomicBool>,
    pub served: JoinHandle<std::io::Result<()>>,
}

impl Running {
    pub async fn with(routes: fn(&mut web::ServiceConfig)) -> Self {
        Self::configured(routes, &HttpConfig::default(), |server| server).await
    }

    #[allow(clippy::unused_async, reason = "a server starts inside a runtime")]
    pub async fn configured(
        routes: fn(&mut web::ServiceConfig),
        config: &HttpConfig,
        more: impl FnOnce(Server) -> Server,
    ) -> Self {
        let signer = SessionSigner::ephemeral();
        let verifier = SessionVerifier::new([signer.public_key().clone()]);
        let (gate, stop) = (Gate::new(), CancellationToken::new());
        let ended = Arc::new(AtomicBool::new(false));
        let sample: Arc<dyn Service> = Arc::new(Sample {
            routes,
            missing: Vec::new(),
            ended: Arc::clone(&ended),
        });
        let server = Server::new(config, gate.clone(), verifier)
            .services([sample])
            .stop_on(stop.clone());
        let bound = more(server).bind().unwrap();
        let base = format!("http://{}", bound.address());
        // If another crate of the build enables TLS in reqwest, no client can be created without a
        // provider, although these use plain HTTP. A second call is refused.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            base,
            gate,
            signer,
            client: reqwest::Client::new(),
            stop,
            ended,
            served: tokio::spawn(bound.run()),
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(self.url(path))
    }

    pub fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.post(self.url(path))
    }

    /// Sends these bytes, and returns everything up to the end of the connection, or until nothing
    /// more arrives for a while.
    pub async fn raw(&self, request: &str) -> String {
        let address = self.base.strip_prefix("http://").unwrap();
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let reading = connection.read_to_end(&mut answer);
        let _ = tokio::time::timeout(Duration::from_secs(2), reading).await;
        String::from_utf8(answer).unwrap()
    }

    /// The cookie of a signed-in user.
    pub fn cookie(&self) -> String {
        let (token, _) = self
            .signer
            .sign(USER, "a@b.c", Duration::from_mins(1))
            .unwrap();
        format!("session={token}")
    }
}

/// Asserts that a response is an error in the envelope, and returns its first message.
pub async fn error_message(answer: reqwest::Response, status: u16) -> String {
    assert_eq!(answer.status(), status);
    assert_eq!(answer.headers()["content-type"], "application/json");
    let errors: api::Errors = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    errors.errors[0].message.clone()
}
