//! Letting a process that doesn't fold answer from memory.
//!
//! What it keeps is only as new as the announcements that reached it, and one may be on its way
//! while somebody else was told already that a command took effect. So before such a read the one
//! who folds is asked how far it is; whatever was acknowledged before the read began is within
//! that. The reads of a moment share one question, so it costs a round trip and hardly any
//! throughput. No answer means that the database is read instead, which always knows.

use std::time::Duration;
use tokio::{sync::watch, time::timeout};

/// How long an answer is waited for.
pub(crate) const ANSWER: Duration = Duration::from_millis(100);

/// Reads that want to know how far the one who folds is.
#[derive(Debug)]
pub(crate) struct LeaderQuery {
    /// Counts reads.
    wanted: watch::Sender<u64>,
    /// What is known of the reads up to a number.
    known: watch::Sender<Known>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    up_to: u64,
    /// How far the one who folds was after those reads began; `None` if it didn't say.
    applied: Option<u64>,
}

impl Default for LeaderQuery {
    fn default() -> Self {
        Self {
            wanted: watch::Sender::new(0),
            known: watch::Sender::new(Known::default()),
        }
    }
}

impl LeaderQuery {
    /// How far the one who folds is, asked after this call began; `None` if it doesn't say.
    pub async fn ask(&self) -> Option<u64> {
        let mut known = self.known.subscribe();
        let mut mine = 0;
        self.wanted.send_modify(|wanted| {
            *wanted += 1;
            mine = *wanted;
        });
        let known = known.wait_for(|known| known.up_to >= mine);
        // The one who asks answers within its own bound; this is for its end.
        let known = timeout(ANSWER * 3, known).await.ok()?.ok()?;
        known.applied
    }

    /// Follows how many reads want to know.
    pub fn wanted(&self) -> watch::Receiver<u64> {
        self.wanted.subscribe()
    }

    /// Gives the reads up to a number their answer.
    pub fn resolve(&self, up_to: u64, applied: Option<u64>) {
        self.known.send_replace(Known { up_to, applied });
    }
}
