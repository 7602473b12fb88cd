//! The figures of the market, as they change, while somebody looks at them.

use std::cell::{Cell, RefCell};

use api::analytics::Analytics;
use dioxus::prelude::*;
use state::Backoff;
use web_sys::EventSource;

use super::live;
use crate::browser::{happenings, time};
use crate::client;

thread_local! {
    static VIEWER: Cell<Option<Callback<Analytics>>> = const { Cell::new(None) };
    static STREAM: RefCell<Option<EventSource>> = const { RefCell::new(None) };
    static REOPENING: RefCell<Backoff> = RefCell::new(Backoff::default());
}

/// Calls a component with all figures whenever they change, as long as the component is there.
/// There is one such component at a time.
pub fn use_figures(on_change: impl FnMut(Analytics) + 'static) {
    let callback = use_callback(on_change);
    use_hook(|| {
        VIEWER.set(Some(callback));
        open();
    });
    use_drop(|| {
        VIEWER.set(None);
        close();
    });
}

/// Opens the stream if somebody looks at the figures, and can see them.
pub fn open() {
    if VIEWER.get().is_some() && happenings::is_visible() && STREAM.with_borrow(Option::is_none) {
        STREAM.set(client::analytics_stream());
    }
}

/// Ends the stream: nobody looks.
pub fn close() {
    if let Some(stream) = STREAM.take() {
        stream.close();
    }
}

/// The stream is open.
pub fn opened() {
    REOPENING.set(Backoff::default());
}

/// Figures came.
pub fn came(data: &str) {
    // What can't be read is for a newer app than this one.
    if let (Some(viewer), Ok(figures)) = (VIEWER.get(), serde_json::from_str(data)) {
        viewer.call(figures);
    }
}

/// The browser gave the stream up, since the server answered with an error: perhaps the role is
/// gone, which reading the figures tells, or the server can't at the moment.
pub fn refused() {
    close();
    live::refresh();
    let wait = REOPENING.with_borrow_mut(Backoff::next_ms);
    dioxus::core::spawn_forever(async move {
        time::sleep(wait).await;
        open();
    });
}
