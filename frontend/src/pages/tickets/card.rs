use dioxus::prelude::*;
use state::{ListedTicket, Mark, Route};

use crate::browser::format;
use crate::components::{Link, StubArt};

/// A ticket of the list. One that is no longer what the list is for keeps its place and its size,
/// and says what became of it.
#[component]
pub fn TicketCard(entry: ListedTicket) -> Element {
    let before = entry.price_before();
    let word = match entry.mark {
        None => None,
        Some(Mark::Taken) => Some("Taken"),
        Some(Mark::Sold) => Some("Sold"),
        Some(Mark::Withdrawn) => Some("Withdrawn"),
        Some(Mark::Misfit) => Some("No longer fits"),
        Some(Mark::Gone) => Some("No longer listed"),
    };
    let ticket = entry.ticket;
    rsx! {
        li { class: if word.is_some() { "card taken" } else { "card" },
            StubArt { id: ticket.id }
            div { class: "card-body",
                h2 { class: "card-title", dir: "auto",
                    Link { to: Route::Ticket(ticket.id), class: "card-link", "{ticket.title}" }
                }
                p { class: "card-foot",
                    span { class: "price", "{format::money(ticket.price)}" }
                    if let Some(word) = word {
                        span { class: "badge held", "{word}" }
                    } else if let Some(before) = before {
                        span { class: "badge held", "was {format::money(before)}" }
                    }
                }
            }
        }
    }
}
