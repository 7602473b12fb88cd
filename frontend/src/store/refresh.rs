//! When everything that was read is read again.

use dioxus::prelude::*;

/// Counts the moments after which what was read may be out of date.
#[derive(Clone, Copy)]
pub struct Refresh(Signal<u32>);

impl Refresh {
    /// Nothing was read yet.
    pub fn new() -> Self {
        Self(Signal::new(0))
    }

    /// Has everything read again.
    pub fn request(mut self) {
        *self.0.write() += 1;
    }

    /// Makes the caller follow [`Refresh::request`].
    pub fn follow(self) {
        self.0.read();
    }

    /// Returns how often it was requested, without following it.
    pub fn count(self) -> u32 {
        *self.0.peek()
    }
}
