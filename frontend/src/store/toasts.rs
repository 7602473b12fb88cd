//! Short messages about what was just done.

use dioxus::prelude::*;

use crate::browser::time;

/// How long they stay, in milliseconds.
const DURATION: u32 = 6_000;

/// The message that is shown.
#[derive(Clone, Copy)]
pub struct Toasts {
    /// The number tells two messages with the same text apart.
    shown: Signal<Option<(u32, String)>>,
    count: CopyValue<u32>,
}

impl Toasts {
    /// Shows none.
    pub fn new() -> Self {
        Self {
            shown: Signal::new(None),
            count: CopyValue::new(0),
        }
    }

    /// Returns what is shown, with its number, and follows it.
    pub fn shown(self) -> Option<(u32, String)> {
        self.shown.cloned()
    }

    /// Shows a message. Nothing that the visitor needs later, because it goes away.
    pub fn show(mut self, text: impl Into<String>) {
        let number = *self.count.peek() + 1;
        self.count.set(number);
        self.shown.set(Some((number, text.into())));
        dioxus::core::spawn_forever(async move {
            time::sleep(DURATION).await;
            if *self.count.peek() == number {
                self.dismiss();
            }
        });
    }

    /// Removes it.
    pub fn dismiss(mut self) {
        self.shown.set(None);
    }
}
