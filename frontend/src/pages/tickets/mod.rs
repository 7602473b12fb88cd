//! What is for sale.

mod card;
mod search;

use dioxus::prelude::*;
use state::{ListedTicket, Route, TicketFilter};

use card::TicketCard;
use search::SearchForm;

use crate::browser::history::{Arrival, use_navigation};
use crate::browser::page;
use crate::client::Failure;
use crate::components::{Button, CardSkeletons, FailureNotice, Link, PageHead, Tone};
use crate::store::listing::{arrival_words, count_words};
use crate::store::tasks::{Task, use_task};
use crate::store::use_store;

/// What is for sale, as cards: searched, sorted, and changing as tickets come and go.
#[component]
pub fn TicketsPage(filter: TicketFilter) -> Element {
    let store = use_store();
    let list = store.list;
    // The move that the list was loaded for.
    let mut loaded = use_signal(|| None::<u32>);
    let visit = use_navigation().visit();
    use_task(use_reactive((&filter, &visit), move |(filter, visit)| {
        store.api.refresh.follow();
        let is_new = loaded.replace(Some(visit.moves)) != Some(visit.moves);
        let work: Task = Box::pin(async move {
            match visit.arrival {
                // A look at another tab, or a network that was away: nothing moves.
                _ if !is_new => list.follow(filter, 0).await,
                // *Back* finds the list as it was left.
                Arrival::Back(spot) => list.follow(filter, spot.rows).await,
                Arrival::Start | Arrival::Link | Arrival::Search => {
                    list.load(filter, 0).await;
                }
            }
        });
        work
    }));
    use_effect(use_reactive((&filter,), move |(filter,)| {
        list.set_last(filter);
    }));
    let lead = "People who can’t go sell their tickets here, at a price that everybody sees. Buy \
                one or sell yours: each is sold once, and held for you while you pay.";
    rsx! {
        PageHead { title: "Tickets for sale", lead }
        SearchForm { filter: filter.clone() }
        p { class: "visually-hidden", role: "status", {list.announcement()} }
        if let Some(failure) = list.failure() {
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
    /// How many there are, in words.
    count: String,
    entries: Vec<ListedTicket>,
    arrivals: usize,
    next: Option<String>,
}

#[component]
fn Results(filter: TicketFilter) -> Element {
    let look = use_store().list.read(|list| Look {
        is_loaded: list.is_loaded(),
        is_old: list.filter != filter,
        count: count_words(list),
        entries: list.entries().to_vec(),
        arrivals: list.arrivals(),
        next: list.next().map(str::to_owned),
    });
    if !look.is_loaded {
        return rsx! { CardSkeletons {} };
    }
    rsx! {
        div { class: "results-line",
            p { "{look.count}" }
            if look.arrivals > 0 {
                Arrivals { count: look.arrivals, filter: filter.clone() }
            }
        }
        if look.entries.is_empty() {
            Nothing { is_search: !filter.is_empty() }
        } else {
            ul { class: if look.is_old { "cards old" } else { "cards" }, role: "list",
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
    let list = use_store().list;
    let mut busy = use_signal(|| false);
    rsx! {
        Button {
            tone: Tone::Primary,
            busy: busy(),
            onpress: move |()| {
                let filter = filter.clone();
                busy.set(true);
                spawn(async move {
                    list.load(filter, 0).await;
                    page::scroll_to(0);
                    page::focus_content();
                    busy.set(false);
                });
            },
            "Show {arrival_words(count)}"
        }
    }
}

#[component]
fn Nothing(is_search: bool) -> Element {
    let navigation = use_navigation();
    if is_search {
        rsx! {
            div { class: "empty",
                h2 { "No tickets match" }
                p { "Try fewer words or a wider price range." }
                Button {
                    onpress: move |()| navigation.search(&Route::home(), true),
                    "Clear the search"
                }
            }
        }
    } else {
        rsx! {
            div { class: "empty",
                h2 { "Nothing is for sale right now" }
                p { "New tickets appear here the moment they are offered." }
                Link { to: Route::NewTicket, class: "button primary", "Sell a ticket" }
            }
        }
    }
}

/// Loads the next page as soon as it comes into sight, or when it is pressed.
#[component]
fn More() -> Element {
    let store = use_store();
    let mut busy = use_signal(|| false);
    let mut load = move || {
        if busy() {
            return;
        }
        busy.set(true);
        spawn(async move {
            if let Err(failure) = store.list.load_more().await {
                store.toasts.show(Failure::message(&failure));
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
