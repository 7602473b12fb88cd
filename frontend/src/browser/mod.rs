//! What the app needs of the browser, and nothing that knows of tickets.

pub mod browser_events;
pub mod drafts;
pub mod event_stream;
pub mod fetch;
pub mod format;
pub mod history;
pub mod page;
pub mod stripe;
pub mod tabs;
pub mod text;
pub mod time;

use web_sys::{Document, Window};

/// The window. The app runs nowhere else.
///
/// # Panics
/// Outside of a browser's page.
pub fn window() -> Window {
    web_sys::window().unwrap_or_else(|| unreachable!("the app runs in a page"))
}

/// The page's document.
///
/// # Panics
/// Outside of a browser's page.
pub fn document() -> Document {
    window()
        .document()
        .unwrap_or_else(|| unreachable!("the app runs in a page"))
}
