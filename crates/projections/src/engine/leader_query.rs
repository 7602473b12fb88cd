//! Lets a process that doesn't lead answer from memory.
//!
//! Its cache is only as new as the announcements that it received, and one may still be in transit
//! when a client already has the response to its command. So before such a read the leader is asked
//! how far it is; every commit that was acknowledged before the read began is within that.
//! Concurrent reads share one question, so it costs a round trip and hardly any throughput. Without
//! an answer the database is read instead, which is always up to date.

use std::time::Duration;
use tokio::{sync::watch, time::timeout};

use crate::Position;

/// Time limit for an answer.
pub(crate) const ANSWER: Duration = Duration::from_millis(100);

/// Reads that need the leader's position.
#[derive(Debug)]
pub(crate) struct LeaderQuery {
    /// Counts reads.
    wanted: watch::Sender<u64>,
    /// The answer for the reads up to a number.
    known: watch::Sender<Known>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    up_to: u64,
    /// The leader's position after those reads began; `None` without an answer.
    applied: Option<Position>,
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
    /// Returns the leader's position, requested after this call began; `None` without an answer.
    pub async fn ask(&self) -> Option<Position> {
        let mut known = self.known.subscribe();
        let mut mine = 0;
        self.wanted.send_modify(|wanted| {
            *wanted += 1;
            mine = *wanted;
        });
        let known = known.wait_for(|known| known.up_to >= mine);
        // The asking task answers within its own time limit; this covers its end.
        let known = timeout(ANSWER * 3, known).await.ok()?.ok()?;
        known.applied.clone()
    }

    /// Follows the number of reads that need an answer.
    pub fn wanted(&self) -> watch::Receiver<u64> {
        self.wanted.subscribe()
    }

    /// Answers the reads up to a number.
    pub fn resolve(&self, up_to: u64, applied: Option<Position>) {
        self.known.send_replace(Known { up_to, applied });
    }
}
