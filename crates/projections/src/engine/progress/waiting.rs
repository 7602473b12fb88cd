//! Waiting for a commit, and gathering commits while nobody waits.

use std::{sync::atomic::Ordering, time::Duration};
use tokio::time;

use super::{Inner, Progress};

/// So many who wait for a commit make it worth a millisecond to write more at once.
const SHARE_A_MILLISECOND: usize = 16;

/// Somebody waits for a commit, as long as this lives.
pub(super) struct Waiting<'a>(&'a Inner);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Progress {
    /// Waits until a commit is applied; `false` if it isn't within `timeout`.
    ///
    /// After `false` to somebody who was told that the commit stands, call
    /// [`Progress::require_globally`].
    pub async fn wait_for(&self, sequence: u64, timeout: Duration) -> bool {
        if self.applied() >= sequence {
            return true;
        }
        let _waiting = self.track_waiter();
        let mut applied = self.inner.applied.subscribe();
        time::timeout(timeout, applied.wait_for(|applied| *applied >= sequence))
            .await
            .is_ok_and(|waited| waited.is_ok())
    }

    /// Waits until the next batch is due, the last one having ended at `since`: after `longest`, or
    /// sooner if somebody in this process waits for a commit.
    ///
    /// A few who wait are not held up at all. A crowd is, by a millisecond for every
    /// [`SHARE_A_MILLISECOND`] of them: what they wait for then comes in one batch in place of many,
    /// and a batch costs much the same whatever it holds. They get their answers sooner that way,
    /// because it is the processors that they wait for.
    pub(crate) async fn batch_due(&self, since: time::Instant, longest: Duration) {
        loop {
            let news = self.inner.somebody_waits.notified();
            let pause = match self.inner.waiting.load(Ordering::SeqCst) {
                0 => longest,
                waiting => {
                    let millis = u64::try_from(waiting / SHARE_A_MILLISECOND).unwrap_or(u64::MAX);
                    longest.min(Duration::from_millis(millis))
                }
            };
            if since.elapsed() >= pause {
                return;
            }
            tokio::select! {
                () = time::sleep_until(since + pause) => {}
                () = news => {}
            }
        }
    }

    pub(super) fn track_waiter(&self) -> Waiting<'_> {
        // Only the first is news: a task that is woken for each of a crowd does nothing else.
        if self.inner.waiting.fetch_add(1, Ordering::SeqCst) == 0 {
            self.inner.somebody_waits.notify_one();
        }
        Waiting(&self.inner)
    }
}
