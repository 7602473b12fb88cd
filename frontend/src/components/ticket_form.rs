use api::{Amount, NewTicket};
use dioxus::prelude::*;
use state::{FieldErrors, price_input};
use uuid::Uuid;

use super::{Button, Notice, NoticeTone, StubArt, TextField, Tone};
use crate::browser::{format, page};
use crate::store::config::CONFIG;

/// Title and price of a ticket, as they are typed, and what is wrong with them.
#[component]
pub fn TicketForm(
    /// Of the ticket; a new one has none yet.
    #[props(default)]
    id: Uuid,
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
        div { class: "form-columns",
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
        Preview { id, title, price }
        }
    }
}

/// The ticket as buyers will see it in the list.
#[component]
fn Preview(id: Uuid, title: Signal<String>, price: Signal<String>) -> Element {
    let shown = price_input(&price.read()).ok().map(format::money);
    let is_titled = !title.read().trim().is_empty();
    rsx! {
        section { class: "preview", "aria-labelledby": "preview-name",
            h2 { id: "preview-name", "As buyers see it" }
            div { class: "card",
                StubArt { id }
                div { class: "card-body",
                    p { class: if is_titled { "card-title" } else { "card-title placeholder" },
                        if is_titled {
                            "{title}"
                        } else {
                            "Your title"
                        }
                    }
                    p { class: "card-foot",
                        span { class: "price", {shown.unwrap_or_else(|| "…".to_owned())} }
                    }
                }
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
