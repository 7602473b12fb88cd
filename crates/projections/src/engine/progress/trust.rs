//! Whether the documents are of commits that the log holds.

use super::Progress;

/// How far the documents are known to be of commits that the log holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trust {
    /// They were compared with the log after it had lost so many tails; `None` if not yet.
    judged: Option<u64>,
    /// They are being filled anew.
    healing: bool,
}

impl Progress {
    /// Whether the documents are of commits that the log holds, as far as is known. If they aren't,
    /// reads wait.
    pub fn is_of_the_log(&self) -> bool {
        self.is_trusted(*self.inner.trust.borrow())
    }

    pub(super) fn is_trusted(&self, trust: Trust) -> bool {
        let epoch = *self.inner.epochs.borrow();
        !trust.healing && trust.judged.is_some_and(|judged| judged >= epoch)
    }

    /// Takes note that the documents are being filled anew.
    pub(crate) fn heals(&self) {
        self.inner.trust.send_modify(|trust| trust.healing = true);
    }

    /// Takes note that the documents were compared with the log, after it had lost so many tails.
    pub(crate) fn judged(&self, epoch: u64) {
        self.inner.trust.send_modify(|trust| {
            trust.judged = trust.judged.max(Some(epoch));
            trust.healing = false;
        });
    }
}
