//! The span of a request: the context of its log lines, and the root of its trace in this process.

use actix_web::{dev::ServiceRequest, http::Method};
use tracing::{Span, field::Empty};

use super::access_log::AccessLogLine;
use crate::RequestId;

/// The W3C header with the trace of a request.
const TRACEPARENT: &str = "traceparent";

/// The span of a new request, and the ID of its trace if it has one.
pub(super) fn of(req: &ServiceRequest, id: &RequestId) -> (Span, Option<String>) {
    let (id, method, path) = (id.as_str(), req.method().as_str(), req.path());
    let parent = req.headers().get(TRACEPARENT);
    let parent = parent.and_then(|value| value.to_str().ok());
    if !trace::is_on() {
        // Another program may record the trace, and search for our lines.
        let trace_id = parent.and_then(trace::TraceParent::parse);
        let trace_id = trace_id.map(|parent| parent.trace_id());
        let span = tracing::info_span!(
            target: trace::TARGET,
            "request",
            request_id = id,
            trace_id,
            method,
            path
        );
        return (span, trace_id);
    }
    let span = tracing::info_span!(
        target: trace::TARGET,
        "request",
        request_id = id,
        trace_id = Empty,
        method,
        path,
        otel.kind = "server",
    );
    trace::continue_from(&span, parent);
    let trace_id = trace::of(&span).map(|context| context.trace_id());
    span.record("trace_id", trace_id.as_deref());
    (span, trace_id)
}

/// Records the outcome.
pub(super) fn complete(span: &Span, method: &Method, entry: &AccessLogLine<'_>) {
    if !trace::is_on() {
        return;
    }
    // Not earlier: the route was unknown.
    trace::rename(span, format!("{method} {}", entry.route));
    trace::note(span, "http.request.method", method.to_string());
    trace::note(span, "http.route", entry.route.to_owned());
    let status = entry.status.as_u16();
    trace::note(span, "http.response.status_code", i64::from(status));
    if entry.status.is_server_error() {
        trace::failed(span, entry.status.canonical_reason().unwrap_or_default());
    }
}
