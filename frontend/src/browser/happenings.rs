//! What happens outside of the app's own elements, as one stream.
//!
//! The browser calls back from outside of the app's runtime, where its state can't be touched. So
//! each callback only puts a word in a channel, and one task of the app reads them in order.

use std::cell::RefCell;

use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, EventSource, EventTarget, MessageEvent, VisibilityState};

use super::{document, window};

/// Something that happened.
#[derive(Debug)]
pub enum Happening {
    /// Back or forward.
    Popped,
    /// The browser says that there is a network again.
    Online,
    /// The browser says that there is no network.
    Offline,
    /// The page is looked at again.
    Visible,
    /// The page is in the background.
    Hidden,
    /// The stream of events is open.
    StreamOpen,
    /// The stream of events broke; whether the browser gave it up for good.
    StreamLost {
        /// The browser won't try again by itself.
        closed: bool,
    },
    /// An event came through the stream: its data.
    Streamed(String),
}

thread_local! {
    static SENDER: RefCell<Option<UnboundedSender<Happening>>> = const { RefCell::new(None) };
}

fn tell(happening: Happening) {
    SENDER.with_borrow(|sender| {
        if let Some(sender) = sender {
            // Only fails when the app is gone.
            let _ = sender.unbounded_send(happening);
        }
    });
}

/// Starts to listen. Called once.
pub fn listen() -> UnboundedReceiver<Happening> {
    let (sender, receiver) = unbounded();
    SENDER.set(Some(sender));
    on(&window(), "popstate", |_| tell(Happening::Popped));
    on(&window(), "online", |_| tell(Happening::Online));
    on(&window(), "offline", |_| tell(Happening::Offline));
    on(&document(), "visibilitychange", |_| {
        tell(match document().visibility_state() {
            VisibilityState::Hidden => Happening::Hidden,
            _ => Happening::Visible,
        });
    });
    receiver
}

/// Opens a stream of server-sent events of one name; it ends when the handle is closed.
pub fn open_stream(url: &str, event: &str) -> Option<EventSource> {
    let stream = EventSource::new(url).ok()?;
    on(&stream, "open", |_| tell(Happening::StreamOpen));
    on(&stream, "error", |event| {
        let closed = event
            .target()
            .and_then(|target| target.dyn_into::<EventSource>().ok())
            .is_none_or(|stream| stream.ready_state() == EventSource::CLOSED);
        tell(Happening::StreamLost { closed });
    });
    on(&stream, event, |event| {
        let data = event
            .dyn_ref::<MessageEvent>()
            .and_then(|event| event.data().as_string());
        tell(Happening::Streamed(data.unwrap_or_default()));
    });
    Some(stream)
}

fn on(target: &EventTarget, name: &str, handle: impl Fn(Event) + 'static) {
    let closure = Closure::<dyn Fn(Event)>::new(handle);
    // Fails for no event name at all.
    let _ = target.add_event_listener_with_callback(name, closure.as_ref().unchecked_ref());
    // The listeners live as long as the page, but for those of a stream: some bytes for each time
    // that the page comes to the front again.
    closure.forget();
}
