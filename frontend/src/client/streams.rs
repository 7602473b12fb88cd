use api::analytics::{ANALYTICS_EVENT, ANALYTICS_EVENTS};
use web_sys::EventSource;

use crate::browser::event_stream::{self, StreamEvent};

/// A stream of events that the server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamSource {
    /// Tickets that change.
    Tickets,
    /// Figures of the market.
    Analytics,
}

/// Opens a stream.
pub fn open_stream(
    source: StreamSource,
    on_event: impl Fn(StreamEvent) + Clone + 'static,
) -> Option<EventSource> {
    let (url, name) = match source {
        StreamSource::Tickets => ("/api/tickets/events", "ticket"),
        StreamSource::Analytics => (ANALYTICS_EVENTS, ANALYTICS_EVENT),
    };
    event_stream::open(url, name, on_event)
}
