//! One layer around every route: request ID, access log, metrics, security headers, cross-site
//! check, availability, timeout, compression, and the envelope for actix's errors.
//!
//! One layer instead of eight: each costs an allocation and a poll per request, and responses from
//! memory take only a few microseconds.

mod access_log;
mod compression;
mod cross_site;
mod outages;
mod route_metrics;
mod security_headers;
mod span;

use std::{
    future::{Future, Ready, ready},
    panic::AssertUnwindSafe,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::{
    HttpMessage as _, ResponseError as _,
    body::{self, BodySize, BoxBody, MessageBody as _},
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    error::{Error, InternalError, QueryPayloadError},
    http::{Method, header::CONTENT_TYPE},
};
use futures_util::FutureExt as _;
use tracing::Instrument as _;

use crate::{
    AppError, Gate, HttpConfig, RequestContext, RequestId, Unready,
    client_address::TrustedProxies,
    document_paths::{JSON_PATH, PAGE_PATH},
    error::{bad_request, forbidden, internal, plain, unavailable},
    prefer,
};
use access_log::AccessLogLine;
use outages::Outages;
use route_metrics::RouteMetrics;

/// The label for requests that match no route.
const NO_ROUTE: &str = "(no route)";
/// The label for requests whose route is unknown after they were abandoned.
const ABANDONED: &str = "(abandoned)";

/// The reason for a response, for the log, where there is no error.
pub(crate) struct Why(String);

impl Why {
    /// The reason: these dependencies are missing.
    pub(crate) fn lacking(missing: &[Unready]) -> Self {
        let words = missing
            .iter()
            .map(|it| format!("{} {}", it.name, it.reason));
        Self(words.collect::<Vec<_>>().join(", "))
    }
}

/// The layer. Wrap an application in it last, so that it is the outermost.
#[derive(Clone)]
pub struct RequestLayer(Arc<Shared>);

struct Shared {
    gate: Gate,
    timeout: Duration,
    proxies: TrustedProxies,
    allowed_origins: Vec<String>,
    outages: Outages,
}

impl RequestLayer {
    /// A layer with this configuration and gate.
    pub fn new(config: &HttpConfig, gate: Gate) -> Self {
        Self(Arc::new(Shared {
            gate,
            timeout: config.request_timeout,
            proxies: config.trusted_proxies.clone(),
            allowed_origins: config.allowed_origins.clone(),
            outages: Outages::default(),
        }))
    }
}

impl<S> Transform<S, ServiceRequest> for RequestLayer
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error> + 'static,
{
    type Response = ServiceResponse;
    type Error = Error;
    type InitError = ();
    type Transform = RequestService<S>;
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(RequestService {
            service,
            shared: Arc::clone(&self.0),
            metrics: Rc::default(),
        }))
    }
}

/// The layer around one worker's routes.
pub struct RequestService<S> {
    service: S,
    shared: Arc<Shared>,
    metrics: Rc<RouteMetrics>,
}

impl<S> Service<ServiceRequest> for RequestService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error> + 'static,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<ServiceResponse, Error>>>>;

    forward_ready!(service);

    fn call(&self, mut req: ServiceRequest) -> Self::Future {
        let id = RequestId::of_headers(req.headers());
        let started = Instant::now();
        let (span, trace_id) = span::of(&req, &id);
        let mut call = Call {
            started,
            method: req.method().clone(),
            https: self.shared.proxies.is_https(req.request()),
            metrics: Rc::clone(&self.metrics),
            shared: Arc::clone(&self.shared),
            behind_gate: false,
            id: id.clone(),
            span,
            trace_id,
        };
        if call.method == Method::HEAD {
            // The routes handle GET; the connection omits the body itself.
            req.head_mut().method = Method::GET;
        }
        if let Err(refusal) = self.shared.admit(&req) {
            call.behind_gate = !self.shared.gate.is_open();
            // Not `into_response`, which drops the error.
            let answer = req.error_response(refusal);
            return Box::pin(ready(Ok(call.finish(answer))));
        }
        let span = call.span.clone();
        req.extensions_mut().insert(RequestContext::new(id));
        let uri = req.uri().clone(); // counted references, no copy
        let timeout = self.shared.timeout;
        let work = AssertUnwindSafe(self.service.call(req)).catch_unwind();
        Box::pin(
            async move {
                match tokio::time::timeout(timeout, work).await {
                    Ok(Ok(Ok(answer))) => Ok(call.finish(answer)),
                    Ok(Ok(Err(error))) => Err(call.abandon(uri.path(), as_app_error(&error))),
                    Ok(Err(_panic)) => {
                        Err(call.abandon(uri.path(), internal("the handler panicked")))
                    }
                    Err(_elapsed) => {
                        let error = unavailable("The service", 1);
                        Err(call
                            .abandon(uri.path(), error.with_source("the request took too long")))
                    }
                }
            }
            .instrument(span),
        )
    }
}

impl Shared {
    /// Whether a request may reach the routes.
    fn admit(&self, req: &ServiceRequest) -> Result<(), AppError> {
        if !self.gate.is_open() && needs_dependencies(req.path()) {
            self.gate.refused();
            let why = Why::lacking(&self.gate.missing());
            return Err(unavailable("The service", 1).with_source(why.0));
        }
        if !cross_site::allowed(req.request(), &self.proxies, &self.allowed_origins) {
            return Err(forbidden("Another site may not do this"));
        }
        Ok(())
    }
}

/// Probes, metrics, documents and the web app's files are served even in an outage.
fn needs_dependencies(path: &str) -> bool {
    path.starts_with("/api/") && ![JSON_PATH, PAGE_PATH].contains(&path)
}

/// A request in progress.
struct Call {
    started: Instant,
    method: Method,
    https: bool,
    metrics: Rc<RouteMetrics>,
    shared: Arc<Shared>,
    behind_gate: bool,
    id: RequestId,
    span: tracing::Span,
    trace_id: Option<String>,
}

impl Call {
    /// Completes a response.
    fn finish(&self, answer: ServiceResponse) -> ServiceResponse {
        let mut answer = compression::apply(in_envelope(answer));
        if self.method == Method::HEAD && answer.response().body().size() == BodySize::Stream {
            // The connection would drop the body and still wait for its end, which a live stream
            // doesn't have.
            answer = answer.map_body(|_, _| BoxBody::new(body::None::new()));
        }
        let (user, answered_early) = answer
            .request()
            .extensions()
            .get::<RequestContext>()
            .map_or((None, false), |known| {
                (known.user(), known.answered_early())
            });
        self.complete(answer.headers_mut());
        if answered_early {
            prefer::add_applied(answer.headers_mut());
        }
        let why = answer.response_mut().extensions_mut().remove::<Why>();
        let req = answer.request();
        let pattern = req.match_pattern();
        self.record(&AccessLogLine {
            route: pattern.as_deref().unwrap_or(NO_ROUTE),
            path: req.path(),
            status: answer.status(),
            user,
            error: answer.response().error(),
            why: why.map(|why| why.0),
            behind_gate: self.behind_gate,
        });
        answer
    }

    /// Answers a request that the routes did not: after a timeout, a panic or an error of a layer.
    fn abandon(&self, path: &str, error: AppError) -> Error {
        let mut answer = error.error_response();
        self.complete(answer.headers_mut());
        let status = answer.status();
        let error = Error::from(error);
        self.record(&AccessLogLine {
            route: ABANDONED,
            path,
            status,
            user: None,
            error: Some(&error),
            why: None,
            behind_gate: false,
        });
        InternalError::from_response(error, answer).into()
    }

    fn complete(&self, headers: &mut actix_web::http::header::HeaderMap) {
        headers.insert(crate::X_REQUEST_ID, self.id.header().clone());
        security_headers::add(headers, self.https);
    }

    fn record(&self, entry: &AccessLogLine<'_>) {
        let elapsed = self.started.elapsed();
        self.metrics
            .record(entry.route, &self.method, entry.status.as_u16(), elapsed);
        let ids = (&self.id, self.trace_id.as_deref());
        entry.log(&self.method, ids, elapsed, &self.shared.outages);
        span::complete(&self.span, &self.method, entry);
    }
}

/// Puts actix's errors into the envelope. Our errors are already in it; a response with its own
/// content type that isn't an error of actix (a page of the web app) is left alone.
fn in_envelope(answer: ServiceResponse) -> ServiceResponse {
    let status = answer.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return answer;
    }
    let error = match answer.response().error() {
        Some(error) if error.as_error::<AppError>().is_some() => return answer,
        Some(error) => match error.as_error::<QueryPayloadError>() {
            // It names parameters and their accepted values, and reveals no internals.
            Some(QueryPayloadError::Deserialize(error)) => bad_request(format!("Query: {error}")),
            _ => plain(status),
        },
        None if answer.headers().contains_key(CONTENT_TYPE) => return answer,
        None => plain(status),
    };
    let enveloped = error.error_response();
    let (req, mut answer) = answer.into_parts();
    let headers = answer.headers_mut();
    for (name, value) in enveloped.headers() {
        headers.insert(name.clone(), value.clone());
    }
    // The headers stay: a 405 lists the allowed methods in `Allow`.
    ServiceResponse::new(req, answer.set_body(enveloped.into_body()))
}

/// An error that passed through the layers unchanged.
fn as_app_error(error: &Error) -> AppError {
    let status = error.as_response_error().status_code();
    plain(status).with_source(error.to_string())
}
