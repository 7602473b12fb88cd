//! Server-sent events.

use wasm_bindgen::JsCast;
use web_sys::{EventSource, MessageEvent};

use super::browser_events::on;

/// What happens to a stream.
#[derive(Debug)]
pub enum StreamEvent {
    /// It is open.
    Open,
    /// It broke, and the browser tries again by itself.
    Interrupted,
    /// The browser gave it up, because the server answered with an error.
    Rejected,
    /// Data came.
    Message(String),
    /// Everything that was read before may be out of date.
    Reset,
}

/// Opens a stream of events of one name. It ends when the handle is closed.
pub fn open(
    url: &str,
    name: &str,
    on_event: impl Fn(StreamEvent) + Clone + 'static,
) -> Option<EventSource> {
    let stream = EventSource::new(url).ok()?;
    // The listeners outlive the stream: a few bytes for each time that the page comes to the front.
    let send = on_event.clone();
    on(&stream, "open", move |_| send(StreamEvent::Open));
    let send = on_event.clone();
    on(&stream, "error", move |event| {
        let source = event.target().and_then(|target| target.dyn_into().ok());
        let is_open = |source: EventSource| source.ready_state() != EventSource::CLOSED;
        send(if source.is_some_and(is_open) {
            StreamEvent::Interrupted
        } else {
            StreamEvent::Rejected
        });
    });
    let send = on_event.clone();
    on(&stream, name, move |event| {
        let message = event.dyn_ref::<MessageEvent>();
        let data = message.and_then(|message| message.data().as_string());
        send(StreamEvent::Message(data.unwrap_or_default()));
    });
    on(&stream, "reset", move |_| on_event(StreamEvent::Reset));
    Some(stream)
}
