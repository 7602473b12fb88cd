//! What machines ask: alive, ready, numbers.

use std::sync::Arc;

use actix_web::{
    HttpResponse,
    http::header::{CONTENT_TYPE, HeaderValue},
    web,
};
use futures_util::future::join_all;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::Service;
use crate::{Gate, Missing, telemetry};

/// What the probes look at.
pub(super) struct Probes {
    pub gate: Gate,
    pub services: Vec<Arc<dyn Service>>,
    pub stop: CancellationToken,
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    missing: Vec<Missing>,
}

pub(super) fn routes(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/healthz").get(healthz))
        .service(web::resource("/readyz").get(readyz))
        .service(web::resource("/metrics").get(metrics));
}

/// The process answers: nothing else is asked, or a database that is away would have every pod
/// restarted.
async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "alive": true }))
}

/// 200 if requests can be answered, else 503 and what is missing.
async fn readyz(probes: web::Data<Probes>) -> HttpResponse {
    let mut missing = probes.gate.missing();
    if probes.stop.is_cancelled() {
        missing.push(Missing::new("server", "is shutting down"));
    }
    let services = probes.services.iter();
    for lacks in join_all(services.map(|service| service.readiness())).await {
        // Services in one process share what they lack: it is told once.
        for lack in lacks {
            if !missing.iter().any(|known| known.name == lack.name) {
                missing.push(lack);
            }
        }
    }
    let ready = missing.is_empty();
    let mut answer = if ready {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    answer.json(Readiness { ready, missing })
}

async fn metrics() -> HttpResponse {
    let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, text))
        .body(telemetry::metrics().render())
}
