use api::{Amount, NewTicket};
use dioxus::prelude::*;
use state::{FieldErrors, price_input};

use super::{Button, Notice, NoticeTone, TextField, Tone};
use crate::browser::page;
use crate::store::config::CONFIG;

/// Title and price of a ticket, as they are typed, and what is wrong with them.
#[component]
pub fn TicketForm(
    title: Signal<String>,
    price: Signal<String>,
    errors: Signal<FieldErrors>,
    busy: bool,
    submit: String,
    onsave: EventHandler<NewTicket>,
    children: Element,
) -> Element {
    let mut errors = errors;
    let error_of = |field: &str| errors.read().of(field).map(str::to_owned);
    // Whenever something was refused, the keyboard goes to the first thing to correct.
    use_effect(move || {
        if let Some(field) = errors.read().first(&["title", "price"]) {
            page::focus(field);
        }
    });
    rsx! {
        form {
            class: "form panel form-panel",
            novalidate: true,
            onsubmit: move |event| {
                event.prevent_default();
                if busy {
                    return;
                }
                match price_of(&price.read()) {
                    Ok(price) => onsave.call(NewTicket { title: title.cloned().into(), price }),
                    Err(words) => errors.set(FieldErrors::field("price", words)),
                }
            },
            if let Some(words) = errors.read().general.clone() {
                Notice { tone: NoticeTone::Error, p { "{words}" } }
            }
            TextField {
                id: "title",
                label: "Title",
                value: title,
                error: error_of("title"),
                hint: "What, where and when: it is all that a buyer sees.",
                required: true,
                maxlength: 200,
                onedit: move |()| errors.write().clear("title"),
            }
            TextField {
                id: "price",
                label: "Price",
                value: price,
                error: error_of("price"),
                prefix: CONFIG.read().as_ref().map(|config| config.currency.clone()),
                inputmode: "decimal",
                required: true,
                maxlength: 14,
                onedit: move |()| errors.write().clear("price"),
            }
            div { class: "actions",
                Button { tone: Tone::Primary, submit: true, busy, "{submit}" }
                {children}
            }
        }
    }
}

/// The price to send. An empty one is sent as such: the server has words for it.
fn price_of(text: &str) -> Result<api::Field<Amount>, String> {
    if text.trim().is_empty() {
        return Ok(api::Field::Missing);
    }
    price_input(text)
        .map(api::Field::Given)
        .map_err(|why| format!("Price {why}, such as 20 or 19.99"))
}
