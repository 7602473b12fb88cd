//! What machines ask: alive, ready, numbers.

use std::sync::Arc;

use actix_web::{
    HttpResponse,
    guard::{GuardContext, fn_guard},
    http::header::{CONTENT_TYPE, HeaderValue},
    web,
};
use futures_util::future::join_all;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{Service, unknown_route};
use crate::{Gate, Unready, middleware, telemetry};

/// What the probes look at.
pub(super) struct Probes {
    pub gate: Gate,
    pub services: Vec<Arc<dyn Service>>,
    pub stop: CancellationToken,
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    missing: Vec<Unready>,
}

/// What proxies say of the one for whom they ask.
const FORWARDED: [&str; 2] = ["x-forwarded-for", "forwarded"];

/// These are there for who asks this process itself: the kubelet, Prometheus, an operator. What comes
/// through a proxy finds nothing here, or everybody could read the figures: the way in from outside
/// leads whatever is nobody's own to the frontend.
///
/// The proxy can't be relied on to keep these paths back. A rule of an Ingress compares the path as
/// it was written, and `/%6detrics` isn't `/metrics` to it but is to the router here. What every
/// ingress controller adds says that it was there, and no client can take it away again. Whether it
/// is one of the trusted proxies doesn't matter: who pretends to be one is only refused.
pub(super) fn routes(cfg: &mut web::ServiceConfig) {
    for path in ["/healthz", "/readyz", "/metrics"] {
        let through_a_proxy = web::resource(path).guard(fn_guard(came_through_a_proxy));
        cfg.service(through_a_proxy.to(unknown_route));
    }
    cfg.service(web::resource("/healthz").get(healthz))
        .service(web::resource("/readyz").get(readyz))
        .service(web::resource("/metrics").get(metrics));
}

fn came_through_a_proxy(request: &GuardContext<'_>) -> bool {
    let headers = request.head().headers();
    FORWARDED.iter().any(|name| headers.contains_key(*name))
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
        missing.push(Unready::new("server", "is shutting down"));
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
    let why = middleware::Why::lacking(&missing);
    let mut answer = if ready {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    let mut answer = answer.json(Readiness { ready, missing });
    answer.extensions_mut().insert(why);
    answer
}

async fn metrics() -> HttpResponse {
    let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, text))
        .body(telemetry::metrics().render())
}
