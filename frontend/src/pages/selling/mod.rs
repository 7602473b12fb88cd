//! The visitor's own tickets.

use api::{MyTickets, Ticket, TicketStatus};
use dioxus::prelude::*;
use state::Route;

use crate::browser::format;
use crate::client;
use crate::components::{
    Badge, FailureNotice, Link, PageHead, RowSkeletons, StubArt, ticket_badge,
};
use crate::store::live::use_live;
use crate::store::reads::{Read, use_read};

/// What the visitor offers, and what it earned.
#[component]
pub fn SellingPage() -> Element {
    let mut moves = use_signal(|| 0_u32);
    let mine = use_read(move || {
        moves.read();
        client::my_tickets()
    });
    // The sum is the server's, so all of it is read again.
    use_live(move |changed: Ticket| {
        let is_mine = |mine: &MyTickets| mine.tickets.iter().any(|known| known.id == changed.id);
        if mine.peek().ready().is_some_and(is_mine) {
            moves += 1;
        }
    });
    rsx! {
        PageHead { title: "My tickets", lead: "What you offer, and what became of it.",
            Link { to: Route::Sell, class: "button primary", "Sell a ticket" }
        }
        match &*mine.read() {
            Read::Loading => rsx! { RowSkeletons {} },
            Read::Failed(failure) => rsx! { FailureNotice { failure: failure.clone() } },
            Read::Ready(mine) if mine.tickets.is_empty() => rsx! {
                div { class: "empty",
                    h2 { "You offer nothing yet" }
                    p { "A ticket takes a title and a price, and is for sale at once." }
                }
            },
            Read::Ready(mine) => rsx! { Offers { mine: mine.clone() } },
        }
    }
}

#[component]
fn Offers(mine: MyTickets) -> Element {
    let of = |status: TicketStatus| -> Vec<Ticket> {
        let all = mine.tickets.iter();
        all.filter(|ticket| ticket.status == status)
            .cloned()
            .collect()
    };
    let groups = [
        ("Held by a buyer", of(TicketStatus::Reserved)),
        ("For sale", of(TicketStatus::Open)),
        ("Sold", of(TicketStatus::Sold)),
    ];
    let sold = groups[2].1.len();
    rsx! {
        dl { class: "figures",
            div {
                dt { "Earned" }
                dd { id: "earned", "{format::money(mine.earned)}" }
            }
            div {
                dt { "Sold" }
                dd { "{sold}" }
            }
            div {
                dt { "For sale" }
                dd { "{groups[1].1.len()}" }
            }
        }
        for (name, tickets) in groups.into_iter().filter(|(_, tickets)| !tickets.is_empty()) {
            section { key: "{name}", class: "group",
                h2 { "{name}" }
                ul { class: "rows",
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
                h3 { class: "row-title",
                    Link { to: Route::Ticket(ticket.id), class: "card-link", "{ticket.title}" }
                }
                p { class: "row-facts",
                    span { class: "price", "{format::money(ticket.price)}" }
                    Badge { of: ticket_badge(ticket.status) }
                }
            }
            if ticket.status == TicketStatus::Open {
                Link {
                    to: Route::Edit(ticket.id),
                    class: "button row-action",
                    label: "Edit {ticket.title}",
                    "Edit"
                }
            }
        }
    }
}
