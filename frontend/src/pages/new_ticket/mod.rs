//! Offering a ticket.

use api::{Field, NewTicket};
use dioxus::prelude::*;
use state::{FieldErrors, RequestKey, Route};
use uuid::Uuid;

use crate::browser::drafts::{self, use_draft};
use crate::browser::history;
use crate::client::{self, Failure};
use crate::components::{PageHead, TicketForm};
use crate::store::use_store;

/// Offers a ticket.
#[component]
pub fn NewTicketPage() -> Element {
    let store = use_store();
    let [kept_title, kept_price, kept_key] = use_hook(|| {
        ["sell.title", "sell.price", "sell.key"].map(|name| store.api.session.draft_name(name))
    });
    let title = use_draft(kept_title.clone(), String::new);
    let price = use_draft(kept_price.clone(), String::new);
    let mut errors = use_signal(FieldErrors::default);
    let mut busy = use_signal(|| false);
    let drafts = use_signal(|| [kept_title, kept_price, kept_key]);

    let save = move |ticket: NewTicket| {
        if busy() {
            return;
        }
        busy.set(true);
        errors.set(FieldErrors::default());
        spawn(async move {
            let price = match &ticket.price {
                Field::Given(price) => price.to_string(),
                _ => String::new(),
            };
            let meaning = format!("{} for {price}", title.peek());
            // Kept with the draft: after a lost answer and a reload it is still one offer.
            let [_, _, kept] = drafts.cloned();
            let mut request_key = RequestKey::read(&drafts::load(&kept).unwrap_or_default());
            let key = request_key.key(&meaning, Uuid::new_v4());
            drafts::store(&kept, &request_key.write());
            let outcome = store.api.call(client::offer_ticket(&ticket, key)).await;
            busy.set(false);
            match outcome {
                Ok(ticket) => {
                    drafts::remove(&drafts.cloned());
                    store.toasts.show("Your ticket is for sale");
                    history::replace(&Route::Ticket(ticket.id));
                }
                Err(failure) => {
                    if failure.is_decided() {
                        drafts::remove(&[kept]);
                    }
                    match failure {
                        // What was typed is kept, and here again after signing in.
                        Failure::SignedOut => {}
                        Failure::Refused { errors: said, .. } => {
                            errors.set(FieldErrors::of_answer(&said, &["title", "price"]));
                        }
                        other => errors.set(FieldErrors::general(other.message())),
                    }
                }
            }
        });
    };
    rsx! {
        PageHead { title: "Sell a ticket", lead: "It is for sale the moment you offer it." }
        TicketForm {
            title,
            price,
            errors,
            busy: busy(),
            submit: "Offer it",
            with_price: true,
            onsave: save,
        }
    }
}
