//! What the tabs of one browser tell each other.
//!
//! The session is a cookie that scripts can't read, and all tabs share it. So whoever changes it
//! leaves a word for the others, which they hear of at once and can look up before they act.

use web_sys::Storage;

use super::window;

const NAME: &str = "session";

/// The word for nobody.
pub const NOBODY: &str = "nobody";
/// The word for a change that is under way, or that nobody finished.
pub const CHANGING: &str = "changing";

fn storage() -> Option<Storage> {
    // Blocked by the visitor's settings, maybe: then each tab is on its own.
    window().local_storage().ok().flatten()
}

/// Says who is signed in.
pub fn say(who: &str) {
    if said().as_deref() != Some(who)
        && let Some(storage) = storage()
    {
        let _ = storage.set_item(NAME, who);
    }
}

/// Who is signed in, by what was said last; none if nothing was.
pub fn said() -> Option<String> {
    storage()?.get_item(NAME).ok().flatten()
}
