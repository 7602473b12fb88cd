//! For the fuzz target `traceparent`, and the test that replays its corpus.

use crate::TraceParent;

/// Parses the header, and its own encoding of it. Returns whether it was valid.
pub fn traceparent(bytes: &[u8]) -> bool {
    let parent = std::str::from_utf8(bytes).ok().and_then(TraceParent::parse);
    if let Some(parent) = parent {
        let written = parent.to_string();
        assert_eq!(TraceParent::parse(&written), Some(parent), "{written}");
        assert!(written.contains(&parent.trace_id()), "{written}");
    }
    parent.is_some()
}

#[cfg(test)]
#[test]
fn any_trace_context_is_read_or_ignored() {
    testkit::replay("traceparent", traceparent);
}
