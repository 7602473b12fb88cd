//! Whether there is a connection to the server.

use dioxus::prelude::*;

use crate::browser::time;

/// Whether the connection is lost, and for how long it has to be before it is said.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Status {
    /// No answer came to the last request.
    is_lost: bool,
    /// It has been lost for long enough to bother the visitor with it.
    is_shown: bool,
}

/// A server that restarts is away for less than this, in milliseconds.
const GRACE: u32 = 700;

/// The connection.
#[derive(Clone, Copy)]
pub struct ConnectionStatus {
    status: Signal<Status>,
    /// Counts the reasons to try again at once.
    wake: CopyValue<u32>,
}

impl ConnectionStatus {
    /// As long as no request has failed, there is one.
    pub fn new() -> Self {
        Self {
            status: Signal::new(Status::default()),
            wake: CopyValue::new(0),
        }
    }

    /// Returns whether it is lost.
    pub fn is_lost(self) -> bool {
        self.status.peek().is_lost
    }

    /// Returns whether it has been lost for long enough to say so, and follows that.
    pub fn is_shown_lost(self) -> bool {
        self.status.read().is_shown
    }

    /// A request got no answer. Returns whether the connection was there before.
    pub fn lose(mut self) -> bool {
        if self.is_lost() {
            return false;
        }
        self.status.write().is_lost = true;
        dioxus::core::spawn_forever(async move {
            time::sleep(GRACE).await;
            let now = *self.status.peek();
            if now.is_lost && !now.is_shown {
                self.status.write().is_shown = true;
            }
        });
        true
    }

    /// An answer came. Returns whether the connection was lost before.
    pub fn find(mut self) -> bool {
        let was_lost = self.is_lost();
        if was_lost {
            self.status.set(Status::default());
        }
        was_lost
    }

    /// Tries again now: the visitor or the browser has reason to believe that it helps.
    pub fn try_now(mut self) {
        *self.wake.write() += 1;
    }

    /// Waits before the next try, so many milliseconds at most.
    pub async fn pause(self, milliseconds: u32) {
        let seen = *self.wake.peek();
        let until = time::now() + f64::from(milliseconds);
        while time::now() < until && *self.wake.peek() == seen && self.is_lost() {
            time::sleep(150).await;
        }
    }

    /// Waits until it is there again.
    pub async fn restored(self) {
        while self.is_lost() {
            time::sleep(100).await;
        }
    }
}
