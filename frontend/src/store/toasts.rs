//! Short words about what was just done.

use dioxus::prelude::*;

use crate::browser::time;

/// How long they stay, in milliseconds.
const SHOWN: u32 = 6_000;

/// What is said now; the number tells two of the same words apart.
pub static TOAST: GlobalSignal<Option<(u32, String)>> = Signal::global(|| None);

static COUNT: GlobalSignal<u32> = Signal::global(|| 0);

/// Says it. Nothing that the visitor needs later: it goes away.
pub fn say(text: impl Into<String>) {
    *COUNT.write() += 1;
    let number = *COUNT.peek();
    *TOAST.write() = Some((number, text.into()));
    dioxus::core::spawn_forever(async move {
        time::sleep(SHOWN).await;
        if TOAST
            .peek()
            .as_ref()
            .is_some_and(|(shown, _)| *shown == number)
        {
            *TOAST.write() = None;
        }
    });
}

/// Stops saying it.
pub fn dismiss() {
    *TOAST.write() = None;
}
