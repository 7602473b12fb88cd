//! What the visitor sells.

use api::{Ticket, TicketStatus};
use dioxus::prelude::*;
use state::{MySales, Route};

use crate::browser::history::use_navigation;
use crate::browser::{format, text};
use crate::client::{self, Failure};
use crate::components::{
    Badge, Button, FailureNotice, Link, PageHead, RowSkeletons, StubArt, ticket_badge,
};
use crate::store::reads::{Read, use_read};
use crate::store::use_store;

/// What the visitor offers, and what it earned.
#[component]
pub fn MyTicketsPage() -> Element {
    let navigation = use_navigation();
    let store = use_store();
    let rows = navigation.rows_before();
    let mut sales = use_read(store.api, move || async move {
        let page = store.api.call(client::my_tickets(None)).await?;
        let mut sales = MySales::new(page.content, page.next);
        // Whoever comes back finds as much as there was.
        while sales.tickets.len() < rows
            && let Some(cursor) = sales.next.clone()
        {
            let page = store.api.call(client::my_tickets(Some(&cursor))).await?;
            sales.append(page.content, page.next);
        }
        Ok(sales)
    });
    store.ticket_events.use_each(move |changed: Ticket| {
        let Some(mut now) = sales.peek().ready().cloned() else {
            return;
        };
        if now.apply(&changed, store.api.session.peek().user_id()) {
            sales.set(Read::Ready(now));
        }
    });
    use_effect(move || {
        let sales = sales.read();
        navigation.set_rows(sales.ready().map_or(0, |sales| sales.tickets.len()));
    });
    let more = use_callback(move |cursor: String| {
        spawn(async move {
            match store.api.call(client::my_tickets(Some(&cursor))).await {
                Ok(page) => {
                    let now = sales.peek().ready().cloned();
                    // Unless it was read anew meanwhile.
                    if let Some(mut now) = now.filter(|now| now.next.as_ref() == Some(&cursor)) {
                        now.append(page.content, page.next);
                        sales.set(Read::Ready(now));
                    }
                }
                Err(failure) => store.toasts.show(Failure::message(&failure)),
            }
        });
    });
    rsx! {
        PageHead { title: "Selling", lead: "What you offer, and what became of it.",
            Link { to: Route::NewTicket, class: "button primary", "Sell a ticket" }
        }
        match &*sales.read() {
            Read::Loading => rsx! { RowSkeletons {} },
            Read::Failed(failure) => rsx! { FailureNotice { failure: failure.clone() } },
            Read::Ready(sales) if sales.tickets.is_empty() => rsx! {
                div { class: "empty",
                    h2 { "You offer nothing yet" }
                    p { "A ticket needs a title and a price, and is for sale at once." }
                }
            },
            Read::Ready(sales) => rsx! {
                Offers { sales: sales.clone() }
                if let Some(cursor) = sales.next.clone() {
                    div { class: "more",
                        Button { onpress: move |()| more.call(cursor.clone()), "Show more" }
                    }
                }
            },
        }
    }
}

#[component]
fn Offers(sales: MySales) -> Element {
    let of = |status: TicketStatus| -> Vec<Ticket> {
        let all = sales.tickets.iter();
        all.filter(|ticket| ticket.status == status)
            .cloned()
            .collect()
    };
    let groups = [
        ("Held by a buyer", of(TicketStatus::Reserved)),
        ("For sale", of(TicketStatus::Open)),
        ("Sold", of(TicketStatus::Sold)),
        ("Withdrawn", of(TicketStatus::Withdrawn)),
    ];
    // Of those that are here; the sum is of all.
    let or_more = if sales.next.is_some() { "+" } else { "" };
    rsx! {
        dl { class: "figures",
            div {
                dt { "Earned" }
                dd { id: "earned", "{format::money(sales.earned)}" }
            }
            div {
                dt { "Sold" }
                dd { "{groups[2].1.len()}{or_more}" }
            }
            div {
                dt { "For sale" }
                dd { "{groups[1].1.len()}{or_more}" }
            }
        }
        for (name, tickets) in groups.into_iter().filter(|(_, tickets)| !tickets.is_empty()) {
            section { key: "{name}", class: "group",
                h2 { "{name}" }
                ul { class: "rows", role: "list",
                    for ticket in tickets {
                        Row { key: "{ticket.id}", ticket }
                    }
                }
            }
        }
    }
}

#[component]
fn Row(ticket: Ticket) -> Element {
    rsx! {
        li { class: "row",
            StubArt { id: ticket.id }
            div { class: "row-body",
                h3 { class: "row-title", dir: "auto",
                    Link { to: Route::Ticket(ticket.id), class: "card-link", "{ticket.title}" }
                }
                p { class: "row-facts",
                    span { class: "price", "{format::money(ticket.price)}" }
                    Badge { of: ticket_badge(ticket.status) }
                }
            }
            if ticket.status == TicketStatus::Open {
                Link {
                    to: Route::EditTicket(ticket.id),
                    class: "button row-action",
                    label: "Edit {text::isolated(&ticket.title)}",
                    "Edit"
                }
            }
        }
    }
}
