//! Folds as steps of the traces of requests.

use chrono::{TimeDelta, Utc};
use eventstore::Commit;
use projections::FoldSpans;
use tracing::Span;

/// How long after it was made a commit's way into the read model belongs into its trace.
const TRACED: TimeDelta = TimeDelta::minutes(1);

/// A span for each commit of a request that is traced, though many commits are written at once.
/// Commits that are folded long after they were made (by a rebuild, or after an outage) are in no
/// trace that anybody still looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestSpans;

impl FoldSpans for RequestSpans {
    fn fold(&self, projection: &'static str, commit: &Commit) -> Span {
        let Some(parent) = commit.metadata.trace_parent.as_deref() else {
            return Span::none();
        };
        if !trace::is_on() || Utc::now() - commit.stored_at > TRACED {
            return Span::none();
        }
        let span = tracing::info_span!(
            target: trace::TARGET,
            parent: None,
            "fold",
            otel.name = format!("fold {projection}"),
            otel.kind = "consumer",
            projection,
            stream = commit.stream.as_str(),
            sequence = commit.sequence,
        );
        trace::continue_from(&span, Some(parent));
        span
    }

    fn written_together(&self, first: &Span, span: &Span) {
        if let Some(first) = trace::of(first) {
            trace::link(span, Some(&first.to_string()));
        }
    }
}
