//! The cost of the request layer: the same bytes from a bare actix handler, and through the layer.
//!
//! `cargo run --release -p httpkit --example overhead`, then `wrk -t2 -c64` on the addresses that
//! it prints. It runs until Ctrl-C.
#![allow(clippy::unwrap_used, reason = "a tool for whoever measures")]

use std::{net::TcpListener, sync::Arc, time::Duration};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use httpkit::{
    Gate, HttpConfig, MaybeSession, Server, Service, SessionSigner, SessionVerifier,
    config::LoggingConfig, etag::Rendered, telemetry,
};
use uuid::Uuid;

struct Sample;

impl Service for Sample {
    fn name(&self) -> &'static str {
        "sample"
    }

    fn register(&self, cfg: &mut web::ServiceConfig) {
        let body = web::Data::new(Rendered::new(body()));
        cfg.app_data(body)
            .service(web::resource("/api/tickets").get(list))
            .service(web::resource("/api/tickets/mine").get(mine));
    }
}

fn body() -> String {
    format!("[\"{}\"]", "x".repeat(20_000))
}

async fn list(req: HttpRequest, body: web::Data<Rendered>) -> HttpResponse {
    body.respond(&req)
}

async fn mine(session: MaybeSession, req: HttpRequest, body: web::Data<Rendered>) -> HttpResponse {
    assert!(session.0.is_some());
    body.respond(&req)
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    telemetry::init(&LoggingConfig {
        json: true,
        filter: std::env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned()),
    });
    let listener = TcpListener::bind("127.0.0.1:9001")?;
    let bytes = bytes::Bytes::from(body());
    let bare = HttpServer::new(move || {
        let bytes = bytes.clone();
        App::new().route(
            "/api/tickets",
            web::get().to(move || {
                let bytes = bytes.clone();
                async move {
                    HttpResponse::Ok()
                        .content_type("application/json")
                        .body(bytes)
                }
            }),
        )
    })
    .workers(2)
    .listen(listener)?
    .run();
    let signer = SessionSigner::ephemeral();
    let verifier = SessionVerifier::new([signer.public_key().clone()]);
    let (token, _) = signer
        .sign(
            Uuid::from_u128(1),
            "someone@example.com",
            Duration::from_hours(1),
        )
        .unwrap();
    let config = HttpConfig {
        port: 9002,
        ..HttpConfig::default()
    };
    let kit = Server::new(&config, Gate::new(), verifier)
        .services([Arc::new(Sample) as Arc<dyn Service>])
        .bind()?;
    println!("bare:    http://127.0.0.1:9001/api/tickets");
    println!("kit:     http://127.0.0.1:9002/api/tickets");
    println!("session: http://127.0.0.1:9002/api/tickets/mine -H 'Cookie: session={token}'");
    tokio::select! {
        ended = bare => ended, // it is the one that hears Ctrl-C
        ended = kit.run() => ended,
    }
}
