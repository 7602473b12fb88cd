//! Events outside of the app's own elements.
//!
//! The browser calls back outside of the app's runtime, where its state can't be changed: a callback
//! can only send to a channel, which a task of the app reads.

use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, EventTarget, VisibilityState};

use super::{document, window};

/// An event of the window or the document.
#[derive(Clone, Copy, Debug)]
pub enum BrowserEvent {
    /// Back or forward.
    Popped,
    /// The page was scrolled.
    Scrolled,
    /// Another tab signed in or out.
    SessionMoved,
    /// The browser reports a network again.
    Online,
    /// The browser reports that there is no network.
    Offline,
    /// The page is in the foreground again.
    Visible,
    /// The page is in the background.
    Hidden,
}

/// Starts to listen, once. `on_leave` is called right before the page is left.
pub fn listen(send: impl Fn(BrowserEvent) + Clone + 'static, on_leave: impl Fn() + 'static) {
    for (name, event) in [
        ("popstate", BrowserEvent::Popped),
        ("scroll", BrowserEvent::Scrolled),
        ("storage", BrowserEvent::SessionMoved),
        ("online", BrowserEvent::Online),
        ("offline", BrowserEvent::Offline),
    ] {
        let send = send.clone();
        on(&window(), name, move |_| send(event));
    }
    // Not through the channel: the page won't live to read it.
    on(&window(), "pagehide", move |_| on_leave());
    on(&document(), "visibilitychange", move |_| {
        send(if is_visible() {
            BrowserEvent::Visible
        } else {
            BrowserEvent::Hidden
        });
    });
}

/// Returns whether the page is in the foreground.
pub fn is_visible() -> bool {
    document().visibility_state() != VisibilityState::Hidden
}

/// Calls a function at each event of a name, for as long as the page lives.
pub fn on(target: &EventTarget, name: &str, handle: impl Fn(Event) + 'static) {
    let closure = Closure::<dyn Fn(Event)>::new(handle);
    // Fails for no event name at all.
    let _ = target.add_event_listener_with_callback(name, closure.as_ref().unchecked_ref());
    closure.forget();
}
