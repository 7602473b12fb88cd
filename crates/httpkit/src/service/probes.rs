//! Routes for machines: alive, ready, metrics.

use std::sync::Arc;

use actix_web::{
    HttpResponse,
    guard::{GuardContext, fn_guard},
    http::header::{CONTENT_TYPE, HeaderValue},
    web,
};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{Service, unknown_route};
use crate::{Gate, Unready, middleware, telemetry};

/// The data of the probes.
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

/// Headers in which proxies name the client.
const FORWARDED: [&str; 2] = ["x-forwarded-for", "forwarded"];

/// Available to clients that connect to this process directly: the kubelet, Prometheus, an
/// operator. Requests through a proxy get 404, or everyone could read the metrics: the ingress
/// sends all paths that belong to no service to the frontend.
///
/// The proxy can't be relied on to block these paths. A rule of an Ingress compares the path as it
/// was written, and `/%6detrics` isn't `/metrics` to it but is to the router here. The headers that
/// every ingress controller adds prove that a proxy was there, and no client can remove them.
/// Whether it is one of the trusted proxies doesn't matter: a client that pretends to be one is
/// only refused.
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

/// The process answers. Checks nothing else, or an outage of the database would restart every pod.
async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "alive": true }))
}

/// 200 if requests can be handled, otherwise 503 and the missing dependencies.
async fn readyz(probes: web::Data<Probes>) -> HttpResponse {
    let mut missing = probes.gate.missing();
    if probes.stop.is_cancelled() {
        missing.push(Unready::new("server", "is shutting down"));
    }
    for lack in probes.services.iter().flat_map(|it| it.readiness()) {
        // Services in one process share dependencies: each is listed once.
        if !missing.iter().any(|known| known.name == lack.name) {
            missing.push(lack);
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
