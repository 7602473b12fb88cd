//! Whether the documents are of commits that the log holds.

use super::Progress;

/// Whether the documents are known to reflect commits that the log contains.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trust {
    /// The number of lost tails when they were last compared with the log; `None` if never.
    judged: Option<u64>,
    /// They are being rebuilt.
    healing: bool,
}

impl Progress {
    /// Whether the documents reflect commits that the log contains, as far as is known. If they
    /// don't, reads wait.
    pub fn is_of_the_log(&self) -> bool {
        self.is_trusted(*self.inner.trust.borrow())
    }

    pub(super) fn is_trusted(&self, trust: Trust) -> bool {
        let epoch = self.inner.epochs.now();
        !trust.healing && trust.judged.is_some_and(|judged| judged >= epoch)
    }

    /// Notes that the documents are being rebuilt.
    pub(crate) fn heals(&self) {
        self.inner.trust.send_modify(|trust| trust.healing = true);
    }

    /// Notes that the documents were compared with the log after it had lost this number of tails.
    pub(crate) fn judged(&self, epoch: u64) {
        self.inner.trust.send_modify(|trust| {
            trust.judged = trust.judged.max(Some(epoch));
            trust.healing = false;
        });
    }
}
