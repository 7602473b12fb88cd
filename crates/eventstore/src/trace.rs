//! Carries trace contexts between commits and the spans of a process.
//!
//! A commit remembers, as text, the trace that its command was part of (W3C `traceparent`), and who
//! reacts to it goes on with that trace. Which library records and exports spans is the process's
//! choice, so it [installs](install) a [`Propagation`]. Without one there are spans for log lines
//! and no traces.

use std::sync::OnceLock;
use tracing::Span;

/// The target of the spans that belong to a trace.
pub const TARGET: &str = "eventstore";

/// Connects [`tracing`]'s spans with trace contexts, by the library that exports them.
pub trait Propagation: Send + Sync {
    /// Whether traces are recorded. It is asked for each command and each delivery, and has to be
    /// cheap.
    fn is_on(&self) -> bool;

    /// The context of a span, as `traceparent` has it; `None` when it is in no trace.
    fn context_of(&self, span: &Span) -> Option<String>;

    /// The id of the trace in a `traceparent`; `None` when it isn't one. Asked also while no traces
    /// are recorded, for log lines.
    fn trace_id(&self, context: &str) -> Option<String>;

    /// Lets a new span continue a trace that began elsewhere. Text that is no context is ignored.
    fn continue_from(&self, span: &Span, context: &str);

    /// Lets a span point to one of another trace, which led to it but isn't its parent.
    fn link(&self, span: &Span, cause: &str);

    /// Notes that what a span stands for failed, and why.
    fn failed(&self, span: &Span, why: String);
}

static INSTALLED: OnceLock<&'static dyn Propagation> = OnceLock::new();

/// Installs the way in which this process carries traces. The first one stays; returns whether this
/// is it.
pub fn install(propagation: &'static dyn Propagation) -> bool {
    INSTALLED.set(propagation).is_ok()
}

fn installed() -> Option<&'static dyn Propagation> {
    INSTALLED.get().copied()
}

fn recording() -> Option<&'static dyn Propagation> {
    installed().filter(|propagation| propagation.is_on())
}

/// Whether traces are recorded in this process.
pub fn is_on() -> bool {
    recording().is_some()
}

/// The context of a span; `None` when it is in no trace.
pub fn context_of(span: &Span) -> Option<String> {
    recording()?.context_of(span)
}

/// The id of the trace in a context.
pub fn trace_id(context: &str) -> Option<String> {
    installed()?.trace_id(context)
}

/// Lets a new span continue a trace that began elsewhere.
pub fn continue_from(span: &Span, context: Option<&str>) {
    if let (Some(propagation), Some(context)) = (recording(), context) {
        propagation.continue_from(span, context);
    }
}

/// Lets a span point to one that led to it.
pub fn link(span: &Span, cause: Option<&str>) {
    if let (Some(propagation), Some(cause)) = (recording(), cause) {
        propagation.link(span, cause);
    }
}

/// Notes that what a span stands for failed.
pub fn failed(span: &Span, why: String) {
    if let Some(propagation) = recording() {
        propagation.failed(span, why);
    }
}
