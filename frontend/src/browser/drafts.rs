//! What was typed and not yet sent.
//!
//! It survives a reload, signing in again in the middle, and a look at another page; not the end
//! of the tab. Nothing secret is kept.

use dioxus::prelude::*;
use web_sys::Storage;

use super::window;

fn storage() -> Option<Storage> {
    // Blocked by the visitor's settings, maybe: then drafts last as long as the page.
    window().session_storage().ok().flatten()
}

fn key(name: &str) -> String {
    format!("draft.{name}")
}

/// A text that is kept under a name until [`forget`] is called with it.
pub fn use_draft(name: String, initial: impl FnOnce() -> String) -> Signal<String> {
    let text = use_signal(|| {
        let kept = storage().and_then(|storage| storage.get_item(&key(&name)).ok().flatten());
        kept.unwrap_or_else(initial)
    });
    use_effect(move || {
        if let Some(storage) = storage() {
            let _ = storage.set_item(&key(&name), &text.read());
        }
    });
    text
}

/// Drops what was kept: it was sent.
pub fn forget(names: &[&str]) {
    if let Some(storage) = storage() {
        for name in names {
            let _ = storage.remove_item(&key(name));
        }
    }
}
