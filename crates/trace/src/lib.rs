//! Converts trace context between headers (W3C `traceparent`) and [`tracing`]'s spans.
//!
//! Code that should appear in a trace creates a span with the target [`TARGET`], but only if
//! [`is_on`] returns true: tracing is normally off, and then costs one load. This crate exports
//! nothing; `httpkit` does, and installs the [`layer`].
#![deny(missing_docs)]

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod parent;

use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::{
    KeyValue, Value,
    trace::{Status, TraceContextExt as _, Tracer},
};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt as _};
use tracing_subscriber::{
    Layer,
    filter::{FilterFn, Filtered, filter_fn},
    registry::LookupSpan,
};

pub use parent::TraceParent;

/// The target of spans that belong in a trace. Others (of drivers, for example) are not exported.
pub const TARGET: &str = "turnstile";
/// The targets of the libraries, whose spans belong into a trace, too. They know nothing of this
/// crate.
const OF_LIBRARIES: [&str; 2] = ["eventstore", "projections"];

static ON: AtomicBool = AtomicBool::new(false);

/// Whether this process records traces. Costs one load.
pub fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// A layer that hands spans of the target [`TARGET`] to a tracer.
pub type TraceLayer<S, T> = Filtered<OpenTelemetryLayer<S, T>, FilterFn, S>;

/// The layer, for the subscriber of the process. Traces are on from here.
pub fn layer<S, T>(tracer: T) -> TraceLayer<S, T>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    T: Tracer + 'static,
    T::Span: Send + Sync,
{
    ON.store(true, Ordering::Relaxed);
    tracing_opentelemetry::layer()
        .with_tracer(tracer)
        // A span's line and thread are for debuggers.
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_target(false)
        .with_filter(filter_fn(|meta| {
            let target = meta.target();
            meta.is_span() && (target == TARGET || OF_LIBRARIES.contains(&target))
        }))
}

/// Makes a new span continue a trace that began elsewhere. Ignores invalid text.
pub fn continue_from(span: &Span, parent: Option<&str>) {
    if let Some(parent) = parent.and_then(TraceParent::parse) {
        // Without a layer it fails, and then there is nothing to continue.
        let _ = span.set_parent(parent.context());
    }
}

/// Links a span to one of another trace, which led to it but is not its parent.
pub fn link(span: &Span, cause: Option<&str>) {
    if let Some(cause) = cause.and_then(TraceParent::parse) {
        span.add_link(cause.span_context());
    }
}

/// The context of a span, to be sent elsewhere; `None` without a trace.
pub fn of(span: &Span) -> Option<TraceParent> {
    if !is_on() {
        return None;
    }
    let context = span.context();
    TraceParent::of(context.span().span_context())
}

/// The context of the current span; `None` without a trace.
pub fn current() -> Option<TraceParent> {
    of(&Span::current())
}

/// Renames a span, when its right name is known only later.
pub fn rename(span: &Span, name: String) {
    span.context().span().update_name(name);
}

/// Adds an attribute to a span. Not for secrets: traces leave the process.
pub fn note(span: &Span, key: &'static str, value: impl Into<Value>) {
    let KeyValue { key, value, .. } = KeyValue::new(key, value);
    span.set_attribute(key, value);
}

/// Marks a span as failed, with a reason without secrets.
pub fn failed(span: &Span, why: impl Into<String>) {
    let description = why.into().into();
    span.set_status(Status::Error { description });
}
