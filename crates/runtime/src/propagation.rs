//! How the event store carries traces: by the library that exports spans.

use tracing::Span;

/// The way in which this program carries traces.
struct Propagation;

impl eventstore::trace::Propagation for Propagation {
    fn is_on(&self) -> bool {
        trace::is_on()
    }

    fn context_of(&self, span: &Span) -> Option<String> {
        trace::of(span).map(|context| context.to_string())
    }

    fn trace_id(&self, context: &str) -> Option<String> {
        trace::TraceParent::parse(context).map(|context| context.trace_id())
    }

    fn continue_from(&self, span: &Span, context: &str) {
        trace::continue_from(span, Some(context));
    }

    fn link(&self, span: &Span, cause: &str) {
        trace::link(span, Some(cause));
    }

    fn failed(&self, span: &Span, why: String) {
        trace::failed(span, why);
    }
}

/// Lets the event store carry traces. Repeating it changes nothing.
pub(crate) fn install() {
    eventstore::trace::install(&Propagation);
}
