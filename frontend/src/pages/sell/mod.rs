//! Offering a ticket.

use api::{Field, NewTicket};
use dioxus::prelude::*;
use state::{FieldErrors, Intent, Route};
use uuid::Uuid;

use crate::browser::drafts::{self, use_draft};
use crate::browser::history;
use crate::client::{self, Failure};
use crate::components::{PageHead, TicketForm};
use crate::store::{session, toasts};

/// Offers a ticket.
#[component]
pub fn SellPage() -> Element {
    let title = use_draft("sell.title".to_owned(), String::new);
    let price = use_draft("sell.price".to_owned(), String::new);
    let mut errors = use_signal(FieldErrors::default);
    let mut intent = use_signal(Intent::default);
    let mut busy = use_signal(|| false);

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
            let key = intent.write().key(&meaning, Uuid::new_v4());
            let outcome = client::offer_ticket(&ticket, &key).await;
            busy.set(false);
            match outcome {
                Ok(ticket) => {
                    intent.write().settle();
                    drafts::forget(&["sell.title", "sell.price"]);
                    toasts::say("Your ticket is for sale");
                    history::replace(Route::Ticket(ticket.id));
                }
                Err(failure) => {
                    if failure.is_decided() {
                        intent.write().settle();
                    }
                    match failure {
                        // What was typed is kept, and here again after signing in.
                        Failure::Refused { status: 401, .. } => session::ended().await,
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
        TicketForm { title, price, errors, busy: busy(), submit: "Offer it", onsave: save }
    }
}
