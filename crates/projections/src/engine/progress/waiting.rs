//! Waiting for a commit, and gathering commits while no request waits.

use eventstore::StreamName;
use std::{sync::atomic::Ordering, time::Duration};
use tokio::time;

use super::{Inner, Progress};
use crate::Position;

/// This number of waiting callers makes a batch worth one millisecond of delay.
const SHARE_A_MILLISECOND: usize = 16;

/// A caller waits for a commit, as long as this lives.
pub(super) struct Waiting<'a>(&'a Inner);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Progress {
    /// Waits until a commit is applied; `false` if it isn't within `timeout`.
    ///
    /// Before responding to a client after `false`, call [`Progress::require_globally`].
    pub async fn wait_for(&self, stream: StreamName, sequence: u64, timeout: Duration) -> bool {
        self.wait_until(&Position::at(stream, sequence), timeout)
            .await
    }

    /// As [`Progress::wait_for`], for commits of several streams.
    pub async fn wait_until(&self, position: &Position, timeout: Duration) -> bool {
        if self.inner.applied.borrow().reaches(position) {
            return true;
        }
        let _waiting = self.track_waiter();
        let mut applied = self.inner.applied.subscribe();
        time::timeout(
            timeout,
            applied.wait_for(|applied| applied.reaches(position)),
        )
        .await
        .is_ok_and(|waited| waited.is_ok())
    }

    /// Waits until the next batch is due after the last one ended at `since`: for `longest`, or
    /// less if a caller in this process waits for a commit.
    ///
    /// A few waiting callers are not delayed at all. Many are, by one millisecond per
    /// [`SHARE_A_MILLISECOND`] of them: their commits then come in one batch instead of many, and
    /// the cost of a batch hardly depends on its size. They get their answers sooner that way,
    /// because the processors are what they wait for.
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
        // Only the first one wakes the task: waking it for each of many would keep it busy.
        if self.inner.waiting.fetch_add(1, Ordering::SeqCst) == 0 {
            self.inner.somebody_waits.notify_one();
        }
        Waiting(&self.inner)
    }
}
