//! Changing an offer.

use api::{NewTicket, Ticket, TicketStatus};
use dioxus::prelude::*;
use state::{FieldErrors, Route, price_text};
use uuid::Uuid;

use crate::browser::drafts::{self, use_draft};
use crate::browser::history;
use crate::client::{self, Failure};
use crate::components::{
    FailureNotice, Icon, Link, Notice, NoticeTone, PageHead, PageSkeleton, Shape, TicketForm,
};
use crate::store::reads::Read;
use crate::store::session::{self, SESSION};
use crate::store::ticket::use_ticket;
use crate::store::toasts;

/// Changes an offer of the visitor's own.
#[component]
pub fn EditPage(id: Uuid) -> Element {
    let ticket = use_ticket(id, || {});
    rsx! {
        Link { to: Route::Selling, class: "back",
            Icon { shape: Shape::Back }
            "My tickets"
        }
        match &*ticket.read() {
            Read::Loading => rsx! { PageSkeleton {} },
            Read::Failed(failure) if matches!(failure.refused(), Some(400 | 404)) => rsx! {
                div { class: "empty", PageHead { title: "No such ticket" } }
            },
            Read::Failed(failure) => rsx! {
                PageHead { title: "Edit a ticket" }
                FailureNotice { failure: failure.clone() }
            },
            Read::Ready(ticket) if SESSION.read().user_id() != Some(ticket.user_id) => rsx! {
                div { class: "empty",
                    PageHead {
                        title: "Not your ticket",
                        lead: "Only the one who offers a ticket can change it.",
                    }
                    Link { to: Route::Ticket(id), class: "button primary", "See the ticket" }
                }
            },
            Read::Ready(ticket) => rsx! { Form { ticket: ticket.clone() } },
        }
    }
}

#[component]
fn Form(ticket: Ticket) -> Element {
    let id = ticket.id;
    let (kept_title, kept_price) = (format!("edit.{id}.title"), format!("edit.{id}.price"));
    let title = use_draft(kept_title.clone(), || ticket.title.clone());
    let price = use_draft(kept_price.clone(), || price_text(ticket.price));
    let mut errors = use_signal(FieldErrors::default);
    let mut busy = use_signal(|| false);
    // A draft that is left is dropped on purpose: on coming back the offer is shown as it is.
    let dropped = [kept_title, kept_price];
    use_drop(move || drafts::forget(&dropped.each_ref().map(String::as_str)));

    let save = move |changed: NewTicket| {
        if busy() {
            return;
        }
        busy.set(true);
        errors.set(FieldErrors::default());
        spawn(async move {
            let outcome = client::change_ticket(id, &changed).await;
            busy.set(false);
            match outcome {
                Ok(_) => {
                    toasts::say("Your changes are saved");
                    history::replace(Route::Ticket(id));
                }
                Err(Failure::Refused { status: 401, .. }) => session::ended().await,
                Err(Failure::Refused { errors: said, .. }) => {
                    errors.set(FieldErrors::of_answer(&said, &["title", "price"]));
                }
                Err(other) => errors.set(FieldErrors::general(other.message())),
            }
        });
    };
    let hindrance = match ticket.status {
        TicketStatus::Open => None,
        TicketStatus::Reserved => Some(
            "A buyer holds this ticket right now: it can’t be changed until it is paid for or free again.",
        ),
        TicketStatus::Sold => Some("This ticket is sold: it can’t be changed any more."),
    };
    rsx! {
        PageHead { title: "Edit your ticket" }
        if let Some(words) = hindrance {
            Notice { tone: NoticeTone::Warning, p { "{words}" } }
        }
        TicketForm { id, title, price, errors, busy: busy(), submit: "Save changes", onsave: save,
            Link { to: Route::Ticket(id), class: "button", "Back to the ticket" }
        }
    }
}
