//! What is for sale.

mod card;
mod search;

use dioxus::prelude::*;
use state::{Entry, Route, TicketFilter};

use card::TicketCard;
use search::SearchForm;

use crate::browser::history::{self, Arrival, PLACE};
use crate::browser::{page, time};
use crate::client::Failure;
use crate::components::{Button, CardSkeletons, FailureNotice, Link, PageHead, Tone};
use crate::store::{listing, live, toasts};

/// What is for sale, as cards: searched, sorted, and changing as tickets come and go.
#[component]
pub fn TicketsPage(filter: TicketFilter) -> Element {
    use_resource(use_reactive((&filter,), |(filter,)| {
        live::follow_refresh();
        let is_back = matches!(PLACE.peek().arrival, Arrival::Back(_));
        async move {
            // *Back* finds the list as it was left; every other way asks anew.
            if !(is_back && listing::is_current(&filter)) {
                listing::load(filter).await;
            }
        }
    }));
    let lead = "Live: what is taken leaves the list before your eyes.";
    rsx! {
        PageHead { title: "Tickets", lead }
        SearchForm { filter: filter.clone() }
        if let Some(failure) = listing::TROUBLE.cloned() {
            FailureNotice { failure }
        } else {
            Results { filter }
        }
    }
}

/// What the list shows now.
#[derive(Clone, PartialEq)]
struct Look {
    is_loaded: bool,
    /// Another search is shown than the one that was asked for.
    is_old: bool,
    entries: Vec<Entry>,
    arrivals: usize,
    next: Option<String>,
}

#[component]
fn Results(filter: TicketFilter) -> Element {
    let look = listing::look(|list| Look {
        is_loaded: list.is_loaded(),
        is_old: list.filter != filter,
        entries: list.shown(time::now()).cloned().collect(),
        arrivals: list.arrivals(),
        next: list.next().map(str::to_owned),
    });
    if !look.is_loaded {
        return rsx! { CardSkeletons {} };
    }
    let count = look
        .entries
        .iter()
        .filter(|entry| !entry.is_taken())
        .count();
    let said = match (count, look.next.is_some()) {
        (0, _) => "No tickets".to_owned(),
        (1, false) => "1 ticket".to_owned(),
        (count, false) => format!("{count} tickets"),
        (count, true) => format!("The first {count} tickets"),
    };
    rsx! {
        div { class: "results-line",
            p { role: "status", "{said}" }
            if look.arrivals > 0 {
                Arrivals { count: look.arrivals, filter: filter.clone() }
            }
        }
        if look.entries.is_empty() {
            Nothing { is_search: !filter.is_empty() }
        } else {
            ul { class: if look.is_old { "cards old" } else { "cards" },
                for entry in look.entries {
                    TicketCard { key: "{entry.ticket.id}", entry }
                }
            }
        }
        if let Some(cursor) = look.next {
            More { key: "{cursor}" }
        }
    }
}

#[component]
fn Arrivals(count: usize, filter: TicketFilter) -> Element {
    let mut busy = use_signal(|| false);
    let words = if count == 1 {
        "1 new ticket".to_owned()
    } else {
        format!("{count} new tickets")
    };
    rsx! {
        Button {
            tone: Tone::Primary,
            busy: busy(),
            onpress: move |()| {
                let filter = filter.clone();
                busy.set(true);
                spawn(async move {
                    listing::load(filter).await;
                    page::scroll_to(0.0);
                    page::focus_content();
                });
            },
            "Show {words}"
        }
    }
}

#[component]
fn Nothing(is_search: bool) -> Element {
    if is_search {
        rsx! {
            div { class: "empty",
                h2 { "No tickets match" }
                p { "Try fewer words or a wider price range." }
                Button {
                    onpress: |()| history::search(Route::home()),
                    "Clear the search"
                }
            }
        }
    } else {
        rsx! {
            div { class: "empty",
                h2 { "Nothing is for sale right now" }
                p { "New tickets appear here the moment they are offered." }
                Link { to: Route::Sell, class: "button primary", "Sell a ticket" }
            }
        }
    }
}

/// Loads the next page as soon as it comes into sight, or when it is pressed.
#[component]
fn More() -> Element {
    let mut busy = use_signal(|| false);
    let mut load = move || {
        if busy() {
            return;
        }
        busy.set(true);
        spawn(async move {
            if let Err(failure) = listing::load_more().await {
                toasts::say(Failure::message(&failure));
            }
            busy.set(false);
        });
    };
    rsx! {
        div {
            class: "more",
            onvisible: move |event| {
                if event.is_intersecting().unwrap_or_default() {
                    load();
                }
            },
            Button { busy: busy(), onpress: move |()| load(), "Show more" }
        }
    }
}
