//! What was typed and not yet sent.
//!
//! It survives a reload, signing in again in the middle, and a look at another page; not the end
//! of the tab, nor signing out. What somebody typed who was signed in is for nobody else. Nothing
//! secret is kept, and nothing of a card.

use dioxus::prelude::*;
use web_sys::Storage;

use super::window;

fn storage() -> Option<Storage> {
    // Blocked by the visitor's settings, maybe: then drafts last as long as the page.
    window().session_storage().ok().flatten()
}

const PREFIX: &str = "draft.";

fn key(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// Returns what is stored under a name.
pub fn load(name: &str) -> Option<String> {
    storage()?.get_item(&key(name)).ok().flatten()
}

/// Stores a text under a name.
pub fn store(name: &str, text: &str) {
    if let Some(storage) = storage() {
        let _ = storage.set_item(&key(name), text);
    }
}

/// A text that is stored under a name until [`remove`] is called with it.
pub fn use_draft(name: String, initial: impl FnOnce() -> String) -> Signal<String> {
    let text = use_signal(|| load(&name).unwrap_or_else(initial));
    use_effect(move || store(&name, &text.read()));
    text
}

/// Removes what was stored: it was sent.
pub fn remove(names: &[String]) {
    if let Some(storage) = storage() {
        for name in names {
            let _ = storage.remove_item(&key(name));
        }
    }
}

/// Removes all of it: the user who typed it has gone.
pub fn remove_all() {
    let Some(storage) = storage() else { return };
    let count = storage.length().unwrap_or_default();
    let names: Vec<String> = (0..count)
        .filter_map(|place| storage.key(place).ok().flatten())
        .filter(|name| name.starts_with(PREFIX))
        .collect();
    for name in names {
        let _ = storage.remove_item(&name);
    }
}
