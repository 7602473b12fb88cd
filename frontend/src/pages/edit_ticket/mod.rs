//! Changing an offer.

use api::{NewTicket, Ticket, TicketStatus};
use dioxus::prelude::*;
use state::{EditBase, FieldErrors, Followed, Route, price_text};
use uuid::Uuid;

use crate::browser::drafts::{self, use_draft};
use crate::browser::{format, history, page};
use crate::client::{self, Failure};
use crate::components::{
    Button, FailureNotice, Icon, Link, Notice, NoticeTone, PageHead, PageSkeleton, Shape,
    TicketForm,
};
use crate::store::reads::Read;
use crate::store::ticket::use_ticket;
use crate::store::use_store;

/// Changes an offer of the visitor's own.
#[component]
pub fn EditTicketPage(id: Uuid) -> Element {
    let store = use_store();
    let ticket = use_ticket(store.api, store.ticket_events, id, |_| {});
    rsx! {
        Link { to: Route::MyTickets, class: "back",
            Icon { shape: Shape::Back }
            "Selling"
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
            Read::Ready(ticket) if store.api.session.read().user_id() != Some(ticket.user_id) => rsx! {
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
fn Form(ticket: ReadSignal<Ticket>) -> Element {
    let store = use_store();
    let id = ticket.peek().id;
    let [kept_base, kept_title, kept_price] = use_hook(|| {
        let name = |part| store.api.session.draft_name(&format!("edit.{id}.{part}"));
        ["base", "title", "price"].map(name)
    });
    let mut base = use_signal(|| {
        let kept = drafts::load(&kept_base).and_then(|kept| EditBase::read(&kept));
        kept.unwrap_or_else(|| EditBase::of(&ticket.peek()))
    });
    let mut title = use_draft(kept_title.clone(), || ticket.peek().title.clone());
    let mut price = use_draft(kept_price.clone(), || price_text(ticket.peek().price));
    let mut errors = use_signal(FieldErrors::default);
    let mut busy = use_signal(|| false);
    // What was changed elsewhere, and here to something else: which of them is meant is asked.
    let mut clash = use_signal(Followed::default);
    let name = kept_base.clone();
    use_effect(move || drafts::store(&name, &base.read().write()));
    // A draft that is left is dropped on purpose: on coming back the offer is shown as it is. It is
    // kept for who has to sign in again.
    let dropped = [kept_base, kept_title, kept_price];
    use_drop(move || {
        if !store.api.session.peek().is_nobody() {
            drafts::remove(&dropped);
        }
    });
    // The offer changed elsewhere: what wasn't touched here follows it, so that an old price is
    // never written back.
    use_effect(move || {
        let now = ticket.read();
        let followed = base
            .peek()
            .follow(&title.peek(), &price.peek(), &now, &format::currency());
        if let Some(words) = followed.title.clone() {
            title.set(words);
        }
        if let Some(words) = followed.price.clone() {
            price.set(words);
        }
        let clashes = followed.title_clashes || followed.price_clashes;
        if clashes {
            clash.set(followed);
        } else if base.peek().version < now.version {
            base.set(EditBase::of(&now));
        }
    });
    let is_clashing = move || clash.read().title_clashes || clash.read().price_clashes;
    let mut choose = move |theirs: bool| {
        let (asked, now) = (clash.take(), ticket.cloned());
        if theirs && asked.title_clashes {
            title.set(now.title.clone());
        }
        if theirs && asked.price_clashes {
            price.set(price_text(now.price));
        }
        base.set(EditBase::of(&now));
        errors.set(FieldErrors::default());
        page::focus("title");
    };

    let save = move |changed: NewTicket| {
        if busy() {
            return;
        }
        busy.set(true);
        errors.set(FieldErrors::default());
        spawn(async move {
            let version = base.peek().version;
            let outcome = store
                .api
                .call(client::change_ticket(id, version, &changed))
                .await;
            busy.set(false);
            match outcome {
                Ok(_) => {
                    store.toasts.show("Your changes are saved");
                    history::replace(&Route::Ticket(id));
                }
                // What was typed is kept, and here again after signing in.
                Err(Failure::SignedOut) => {}
                Err(Failure::Refused {
                    status: 412,
                    errors: said,
                    ..
                }) => {
                    // What changed is about the offer, and not about what was typed.
                    errors.set(FieldErrors::of_answer(&said, &[]));
                    store.api.refresh.request();
                }
                Err(Failure::Refused { errors: said, .. }) => {
                    errors.set(FieldErrors::of_answer(&said, &["title", "price"]));
                }
                Err(other) => errors.set(FieldErrors::general(other.message())),
            }
        });
    };
    let hindrance = match ticket.read().status {
        TicketStatus::Open => None,
        TicketStatus::Reserved => Some(
            "A buyer holds this ticket right now: it can’t be changed until it is paid for or free again.",
        ),
        TicketStatus::Sold => Some("This ticket is sold: it can’t be changed any more."),
        TicketStatus::Withdrawn => Some("You withdrew this ticket: it can’t be changed any more."),
    };
    rsx! {
        PageHead { title: "Edit your ticket" }
        if let Some(words) = hindrance {
            Notice { tone: NoticeTone::Warning, p { "{words}" } }
        }
        if is_clashing() {
            Notice { tone: NoticeTone::Warning,
                p { "This ticket was changed elsewhere while you were typing." }
                if clash.read().title_clashes {
                    p {
                        "The title is now “"
                        bdi { "{ticket.read().title}" }
                        "”."
                    }
                }
                if clash.read().price_clashes {
                    p { "The price is now {format::money(ticket.read().price)}." }
                }
                div { class: "actions",
                    Button { onpress: move |()| choose(true), "Take that over" }
                    Button { onpress: move |()| choose(false), "Keep what I typed" }
                }
            }
        }
        TicketForm {
            id,
            title,
            price,
            errors,
            busy: busy(),
            off: hindrance.is_some() || is_clashing(),
            submit: "Save changes",
            onsave: save,
            Link { to: Route::Ticket(id), class: "button", back: true, "Back to the ticket" }
        }
    }
}
