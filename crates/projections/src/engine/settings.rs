//! How a runner works.

use std::{sync::Arc, time::Duration};

use crate::engine::fold_spans::{FoldSpans, NoSpans};

/// How a runner works. The defaults fit production; tests shorten the times.
#[derive(Clone, Debug)]
pub struct RunnerSettings {
    /// How long the lease of a process that died keeps others waiting. Together with `stand_by`
    /// well below the 2 s that an answer waits for its read model: then neither that answer nor a
    /// read that follows it (which waits 1.8 s more) notices that a process died.
    pub lease: Duration,
    /// How often the lease is renewed. Well below `lease`.
    pub renew: Duration,
    /// How often a process that stands by tries to take over.
    pub stand_by: Duration,
    /// The longest time that a checkpoint lags behind the documents.
    pub checkpoint: Duration,
    /// Commits in one batch, at most.
    pub batch: usize,
    /// The shortest time between two batches while nobody in this process waits for a commit. A
    /// batch costs much the same whatever it holds, so this leaves the machine to those who
    /// append. The first commit after a quiet time is never held up, nor is one that few wait for:
    /// a batch is then whatever is there. Of a crowd, sixteen who wait are worth a millisecond.
    pub gather: Duration,
    /// Pause after trouble; doubled each time up to `pause_max`.
    pub pause: Duration,
    /// The longest pause after trouble.
    pub pause_max: Duration,
    /// Makes the spans of what is folded.
    pub spans: Arc<dyn FoldSpans>,
}

impl Default for RunnerSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_millis(1_500),
            renew: Duration::from_millis(400),
            stand_by: Duration::from_millis(200),
            checkpoint: Duration::from_millis(100),
            batch: 2_000,
            gather: Duration::from_millis(5),
            pause: Duration::from_millis(100),
            pause_max: Duration::from_secs(2),
            spans: Arc::new(NoSpans),
        }
    }
}
