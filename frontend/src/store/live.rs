//! What changes elsewhere, as it changes.
//!
//! One stream of tickets for all pages of the app, open while the page is looked at: a browser has
//! six connections a server, and a tab in the background needs none of them.

use std::cell::RefCell;
use std::rc::Rc;

use api::Ticket;
use dioxus::prelude::*;
use futures_util::StreamExt;
use state::Backoff;
use web_sys::EventSource;

use super::{connection, figures, listing, orders, session};
use crate::browser::happenings::{self, Happening, Source};
use crate::browser::history::Navigation;
use crate::browser::time;
use crate::client;

/// Counts the moments after which what was read may be out of date.
static REFRESH: GlobalSignal<u32> = Signal::global(|| 0);

/// How long after the stream's beginning everything is read again, in milliseconds.
const SETTLING: u32 = 300;

/// How long the scrolling has to rest before its place is kept, in milliseconds.
const RESTING: u32 = 200;

type Listener = (u32, Callback<Ticket>);

thread_local! {
    static STREAM: RefCell<Option<EventSource>> = const { RefCell::new(None) };
    static LISTENERS: RefCell<Vec<Listener>> = const { RefCell::new(Vec::new()) };
    static NEXT_LISTENER: RefCell<u32> = const { RefCell::new(0) };
    static SCROLLS: RefCell<u32> = const { RefCell::new(0) };
    static REOPENING: RefCell<Backoff> = RefCell::new(Backoff::default());
}

/// Everything that was read is to be read again.
pub fn refresh() {
    *REFRESH.write() += 1;
}

/// Makes the caller follow [`refresh`]; tells how often it happened.
pub fn follow_refresh() -> u32 {
    *REFRESH.read()
}

/// How often [`refresh`] happened, without following it.
pub fn refreshes() -> u32 {
    *REFRESH.peek()
}

/// Calls a component with each ticket that changes, as long as the component is there.
pub fn use_live(on_change: impl FnMut(Ticket) + 'static) {
    let callback = use_callback(on_change);
    let number = use_hook(|| {
        let number = NEXT_LISTENER.with_borrow_mut(|next| {
            *next += 1;
            *next
        });
        LISTENERS.with_borrow_mut(|listeners| listeners.push((number, callback)));
        Rc::new(number)
    });
    use_drop(move || {
        LISTENERS.with_borrow_mut(|listeners| listeners.retain(|(other, _)| other != &*number));
    });
}

/// Listens to the browser and to the server, as long as the app runs.
pub async fn run() {
    let navigation = consume_context::<Navigation>();
    let mut happenings = happenings::listen(move || navigation.remember());
    open();
    while let Some(happening) = happenings.next().await {
        match happening {
            Happening::Popped => navigation.popped(),
            Happening::Scrolled => remember_later(navigation),
            Happening::SessionMoved => drop(dioxus::core::spawn_forever(session::heard())),
            Happening::Online => connection::try_now(),
            Happening::Offline => connection::lost(),
            Happening::Hidden => {
                close();
                figures::close();
            }
            Happening::Visible => {
                connection::try_now();
                open();
                figures::open();
                dioxus::core::spawn_forever(session::check());
            }
            Happening::StreamOpen(Source::Tickets) => {
                REOPENING.set(Backoff::default());
                // Between what was read and the stream's beginning, something may have changed.
                // The server answers "unchanged" if nothing has. A moment later, so that what is
                // being read for the first time isn't read anew before it is shown.
                dioxus::core::spawn_forever(async {
                    time::sleep(SETTLING).await;
                    refresh();
                });
            }
            Happening::StreamOpen(Source::Analytics) => figures::opened(),
            // The browser tries again by itself.
            Happening::StreamLost { closed: false, .. } => {}
            Happening::StreamLost { source, .. } => match source {
                Source::Tickets => reopen_later(),
                Source::Analytics => figures::refused(),
            },
            Happening::StreamReset => refresh(),
            Happening::Streamed(Source::Analytics, data) => figures::came(&data),
            Happening::Streamed(Source::Tickets, data) => {
                // What can't be read is for a newer app than this one.
                if let Ok(ticket) = serde_json::from_str::<Ticket>(&data) {
                    spread(&ticket);
                }
            }
        }
    }
}

fn spread(ticket: &Ticket) {
    listing::apply(ticket);
    orders::heard(ticket);
    let listeners = LISTENERS.with_borrow(Clone::clone);
    for (_, listener) in listeners {
        listener.call(ticket.clone());
    }
}

/// Keeps where the page is scrolled, once the scrolling rests: browsers allow only so many changes
/// of the history.
fn remember_later(navigation: Navigation) {
    let number = SCROLLS.with_borrow_mut(|scrolls| {
        *scrolls += 1;
        *scrolls
    });
    dioxus::core::spawn_forever(async move {
        let moves = navigation.moves();
        time::sleep(RESTING).await;
        if SCROLLS.with_borrow(|scrolls| *scrolls == number) && navigation.moves() == moves {
            navigation.remember();
        }
    });
}

fn open() {
    if STREAM.with_borrow(Option::is_none) {
        STREAM.set(client::ticket_stream());
    }
}

fn close() {
    if let Some(stream) = STREAM.take() {
        stream.close();
    }
}

/// The browser gave up, which it does when the server answers at all: with an error.
fn reopen_later() {
    close();
    let wait = REOPENING.with_borrow_mut(Backoff::next_ms);
    dioxus::core::spawn_forever(async move {
        time::sleep(wait).await;
        open();
    });
}
