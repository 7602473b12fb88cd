//! The steps that folds are in the traces of requests.

use eventstore::Commit;
use std::fmt::Debug;
use tracing::Span;

/// Makes a span for each commit that is folded, so that a trace shows when the read model had it.
///
/// Which exporter a program uses, and how a commit carries the trace of its request, is the
/// program's own business; so is which commits are worth a span. By default none is.
pub trait FoldSpans: Debug + Send + Sync + 'static {
    /// The step of a commit from the log into the read model; it ends when it is dropped, after the
    /// documents are written. [`Span::none`] for a commit that is in no trace.
    fn fold(&self, projection: &'static str, commit: &Commit) -> Span;

    /// Two commits are written in one batch. They are in traces of their own, and `span` may point
    /// to `first`.
    fn written_together(&self, first: &Span, span: &Span);
}

/// No commit is in any trace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoSpans;

impl FoldSpans for NoSpans {
    fn fold(&self, _: &'static str, _: &Commit) -> Span {
        Span::none()
    }

    fn written_together(&self, _: &Span, _: &Span) {}
}
