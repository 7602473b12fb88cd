//! What changes elsewhere, as it changes.
//!
//! Only this module opens streams of events: one of tickets for all pages, and one of figures while
//! a page shows them. They are open while the page is in the foreground: a browser has six
//! connections per server, and a tab in the background needs none of them.

use api::{Ticket, analytics::Analytics};
use dioxus::prelude::*;
use futures_channel::mpsc::{UnboundedSender, unbounded};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use state::Backoff;
use web_sys::EventSource;

use super::listing::TicketList;
use super::orders::OrderStore;
use super::requests::Api;
use super::ticket_events::TicketEvents;
use crate::browser::browser_events::{self, BrowserEvent, is_visible};
use crate::browser::event_stream::StreamEvent;
use crate::browser::{history::Navigation, time};
use crate::client::{self, StreamSource};

/// How long after the stream's beginning everything is read again, in milliseconds.
const SETTLING: u32 = 300;

/// Live updates, and what they change.
#[derive(Clone, Copy)]
pub struct Live {
    state: CopyValue<State>,
    api: Api,
    list: TicketList,
    orders: OrderStore,
    ticket_events: TicketEvents,
}

#[derive(Default)]
struct State {
    tickets: Stream,
    analytics: Stream,
    /// The component that shows the figures.
    viewer: Option<Callback<Analytics>>,
    /// The browser's events and the server's, in the order in which they came.
    events: Option<UnboundedSender<Event>>,
}

#[derive(Default)]
struct Stream {
    handle: Option<EventSource>,
    reopening: Backoff,
}

impl Stream {
    fn close(&mut self) {
        if let Some(handle) = self.handle.take() {
            handle.close();
        }
    }
}

impl State {
    fn stream(&mut self, source: StreamSource) -> &mut Stream {
        match source {
            StreamSource::Tickets => &mut self.tickets,
            StreamSource::Analytics => &mut self.analytics,
        }
    }

    /// Opens a stream that is needed and isn't open.
    fn open(&mut self, source: StreamSource) {
        let is_needed = source == StreamSource::Tickets || self.viewer.is_some();
        if !is_needed || !is_visible() || self.stream(source).handle.is_some() {
            return;
        }
        if let Some(events) = self.events.clone() {
            self.stream(source).handle = client::open_stream(source, move |event| {
                let _ = events.unbounded_send(Event::Stream(source, event));
            });
        }
    }

    fn open_all(&mut self) {
        self.open(StreamSource::Tickets);
        self.open(StreamSource::Analytics);
    }
}

enum Event {
    Browser(BrowserEvent),
    Stream(StreamSource, StreamEvent),
}

impl Live {
    /// Opens nothing yet.
    pub fn new(
        api: Api,
        list: &TicketList,
        orders: &OrderStore,
        ticket_events: TicketEvents,
    ) -> Self {
        Self {
            state: CopyValue::new(State::default()),
            api,
            list: *list,
            orders: *orders,
            ticket_events,
        }
    }

    /// Calls a component with all figures whenever they change, as long as the component is there.
    /// There is one such component at a time.
    pub fn use_figures(mut self, on_change: impl FnMut(Analytics) + 'static) {
        let callback = use_callback(on_change);
        use_hook(|| {
            let mut state = self.state.write();
            state.viewer = Some(callback);
            state.open(StreamSource::Analytics);
        });
        use_drop(move || {
            let mut state = self.state.write();
            state.viewer = None;
            state.analytics.close();
        });
    }

    /// Listens to the browser and to the server, as long as the app runs.
    pub async fn run(mut self, navigation: Navigation) {
        let (sender, mut events) = unbounded();
        self.state.write().events = Some(sender.clone());
        let send = move |event| {
            // Only fails when the app is gone.
            let _ = sender.unbounded_send(Event::Browser(event));
        };
        browser_events::listen(send, move || navigation.remember());
        self.state.write().open_all();
        while let Some(event) = events.next().await {
            match event {
                Event::Browser(event) => self.on_browser(event, navigation),
                Event::Stream(source, event) => self.on_stream(source, event),
            }
        }
    }

    fn on_browser(mut self, event: BrowserEvent, navigation: Navigation) {
        match event {
            BrowserEvent::Popped => navigation.popped(),
            BrowserEvent::Scrolled => navigation.remember_later(),
            BrowserEvent::SessionMoved => {
                if self.api.session.heed_note() {
                    self.ask_user();
                }
            }
            BrowserEvent::Online => self.api.connection.try_now(),
            BrowserEvent::Offline => self.api.lose_connection(),
            BrowserEvent::Hidden => {
                let mut state = self.state.write();
                state.tickets.close();
                state.analytics.close();
            }
            BrowserEvent::Visible => {
                self.api.connection.try_now();
                self.state.write().open_all();
                // The session may be over, or another user's.
                self.ask_user();
            }
        }
    }

    fn ask_user(self) {
        dioxus::core::spawn_forever(async move {
            let _ = self.api.ask_user().await;
        });
    }

    fn on_stream(self, source: StreamSource, event: StreamEvent) {
        match event {
            StreamEvent::Open => self.on_open(source),
            // The browser tries again by itself.
            StreamEvent::Interrupted => {}
            StreamEvent::Rejected => self.on_rejected(source),
            StreamEvent::Reset => self.api.refresh.request(),
            StreamEvent::Message(data) => self.on_message(source, &data),
        }
    }

    fn on_open(mut self, source: StreamSource) {
        self.state.write().stream(source).reopening = Backoff::default();
        if source == StreamSource::Tickets {
            // Between what was read and the stream's beginning, something may have changed. The
            // server answers "unchanged" if nothing has. A moment later, so that what is being read
            // for the first time isn't read anew before it is shown.
            dioxus::core::spawn_forever(async move {
                time::sleep(SETTLING).await;
                self.api.refresh.request();
            });
        }
    }

    fn on_message(self, source: StreamSource, data: &str) {
        match source {
            StreamSource::Tickets => {
                if let Some(ticket) = parsed::<Ticket>(data) {
                    self.list.apply(&ticket);
                    self.orders.on_ticket(&ticket);
                    self.ticket_events.send(&ticket);
                }
            }
            StreamSource::Analytics => {
                let viewer = self.state.peek().viewer;
                if let (Some(viewer), Some(figures)) = (viewer, parsed(data)) {
                    viewer.call(figures);
                }
            }
        }
    }

    /// The browser gives a stream up when the server answers with an error.
    fn on_rejected(mut self, source: StreamSource) {
        let wait = {
            let mut state = self.state.write();
            let stream = state.stream(source);
            stream.close();
            stream.reopening.next_ms()
        };
        if source == StreamSource::Analytics {
            // Perhaps the role is gone, which reading the figures tells.
            self.api.refresh.request();
        }
        dioxus::core::spawn_forever(async move {
            time::sleep(wait).await;
            self.state.write().open(source);
        });
    }
}

/// Reads an event. What can't be read is for a newer app than this one.
fn parsed<T: DeserializeOwned>(data: &str) -> Option<T> {
    serde_json::from_str(data).ok()
}
