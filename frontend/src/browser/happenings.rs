//! What happens outside of the app's own elements, as one stream.
//!
//! The browser calls back from outside of the app's runtime, where its state can't be touched. So
//! each callback only puts a word in a channel, and one task of the app reads them in order.

use std::cell::RefCell;

use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, EventSource, EventTarget, MessageEvent, VisibilityState};

use super::{document, window};

/// A stream of events that the server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Tickets that change.
    Tickets,
    /// Figures of the market.
    Analytics,
}

/// Something that happened.
#[derive(Debug)]
pub enum Happening {
    /// Back or forward.
    Popped,
    /// The page was scrolled.
    Scrolled,
    /// Another tab signed somebody in or out.
    SessionMoved,
    /// The browser says that there is a network again.
    Online,
    /// The browser says that there is no network.
    Offline,
    /// The page is looked at again.
    Visible,
    /// The page is in the background.
    Hidden,
    /// A stream of events is open.
    StreamOpen(Source),
    /// A stream of events broke; whether the browser gave it up for good.
    StreamLost {
        /// Which.
        source: Source,
        /// The browser won't try again by itself.
        closed: bool,
    },
    /// An event came through a stream: its data.
    Streamed(Source, String),
    /// A stream says that what was read is worth nothing any more.
    StreamReset,
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

/// Starts to listen, once. `on_leave` is called right before the page is left.
pub fn listen(on_leave: impl Fn() + 'static) -> UnboundedReceiver<Happening> {
    let (sender, receiver) = unbounded();
    SENDER.set(Some(sender));
    on(&window(), "popstate", |_| tell(Happening::Popped));
    on(&window(), "scroll", |_| tell(Happening::Scrolled));
    // Not by way of the channel: the page won't live to read it.
    on(&window(), "pagehide", move |_| on_leave());
    on(&window(), "storage", |_| tell(Happening::SessionMoved));
    on(&window(), "online", |_| tell(Happening::Online));
    on(&window(), "offline", |_| tell(Happening::Offline));
    on(&document(), "visibilitychange", |_| {
        tell(if is_visible() {
            Happening::Visible
        } else {
            Happening::Hidden
        });
    });
    receiver
}

/// Whether the page can be seen, and isn't in the background.
pub fn is_visible() -> bool {
    document().visibility_state() != VisibilityState::Hidden
}

/// Opens a stream of server-sent events of one name; it ends when the handle is closed.
pub fn open_stream(source: Source, url: &str, event: &str) -> Option<EventSource> {
    let stream = EventSource::new(url).ok()?;
    on(&stream, "open", move |_| {
        tell(Happening::StreamOpen(source));
    });
    on(&stream, "error", move |event| {
        let closed = event
            .target()
            .and_then(|target| target.dyn_into::<EventSource>().ok())
            .is_none_or(|stream| stream.ready_state() == EventSource::CLOSED);
        tell(Happening::StreamLost { source, closed });
    });
    on(&stream, event, move |event| {
        let data = event
            .dyn_ref::<MessageEvent>()
            .and_then(|event| event.data().as_string());
        tell(Happening::Streamed(source, data.unwrap_or_default()));
    });
    on(&stream, "reset", |_| {
        tell(Happening::StreamReset);
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
