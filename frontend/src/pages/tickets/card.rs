use api::TicketStatus;
use dioxus::prelude::*;
use state::{Entry, Route};

use crate::browser::format;
use crate::components::{Link, StubArt};

/// A ticket of the list.
#[component]
pub fn TicketCard(entry: Entry) -> Element {
    let taken = entry.is_taken();
    let ticket = entry.ticket;
    let word = match ticket.status {
        TicketStatus::Sold => "Just sold",
        _ => "Just taken",
    };
    rsx! {
        li { class: if taken { "card taken" } else { "card" },
            StubArt { id: ticket.id }
            div { class: "card-body",
                h2 { class: "card-title",
                    Link { to: Route::Ticket(ticket.id), class: "card-link", "{ticket.title}" }
                }
                p { class: "card-foot",
                    span { class: "price", "{format::money(ticket.price)}" }
                    if taken {
                        span { class: "badge held", "{word}" }
                    }
                }
            }
        }
    }
}
