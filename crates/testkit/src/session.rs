//! The session of a client.

use std::sync::{Arc, Mutex, PoisonError};

/// The session cookie, shared by all clones.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionCookie(Arc<Mutex<Option<String>>>);

impl SessionCookie {
    pub(crate) fn get(&self) -> Option<String> {
        let value = self.0.lock();
        value.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces it; an empty value clears it, as it does in a browser.
    pub(crate) fn set(&self, value: Option<String>) {
        let value = value.filter(|value| !value.is_empty());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = value;
    }
}
