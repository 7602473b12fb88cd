//! What the tabs of one browser tell each other.
//!
//! The session is a cookie that scripts can't read, and all tabs share it. So a tab that changes it
//! leaves a note for the others, which they learn of at once and can read before they act.

use web_sys::Storage;

use super::window;

const NAME: &str = "session";

/// The note that nobody is signed in.
pub const NOBODY: &str = "nobody";
/// The note that a change is under way, or was never finished.
pub const CHANGING: &str = "changing";

fn storage() -> Option<Storage> {
    // Blocked by the visitor's settings, maybe: then each tab is on its own.
    window().local_storage().ok().flatten()
}

/// Notes who is signed in.
pub fn write(note: &str) {
    if read().as_deref() != Some(note)
        && let Some(storage) = storage()
    {
        let _ = storage.set_item(NAME, note);
    }
}

/// Returns the last note; none if there is none.
pub fn read() -> Option<String> {
    storage()?.get_item(NAME).ok().flatten()
}
