use api::{Amount, Field, NewTicket};
use dioxus::prelude::*;
use state::{FieldErrors, price_input};
use uuid::Uuid;

use super::{Button, Notice, NoticeTone, Said, StubArt, TextField, Tone};
use crate::browser::{format, page};
use crate::store::use_store;

/// The most characters of a title.
const LONGEST_TITLE: usize = 200;

/// From how many characters of a title on the form counts them.
const LONG_TITLE: usize = 160;

/// The highest price that is shown as one: beyond it the server refuses every one.
const DEAREST: Amount = Amount::from_cents(99_999_999);

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
    /// Whether it can't be sent now.
    #[props(default)]
    off: bool,
    /// What the button says.
    submit: String,
    /// Whether the button says the price, too, as it was understood.
    #[props(default)]
    with_price: bool,
    onsave: EventHandler<NewTicket>,
    children: Element,
) -> Element {
    let config = use_store().config;
    let mut errors = errors;
    let error_of = |field: &str| errors.read().of(field).map(str::to_owned);
    // Whenever something was refused, the keyboard goes to the first thing to correct.
    use_effect(move || {
        if let Some(field) = errors.read().first(&["title", "price"]) {
            page::focus(field);
        }
    });
    let length = title.read().trim().chars().count();
    let hint = if length > LONG_TITLE {
        format!("{length} of {LONGEST_TITLE} characters.")
    } else {
        "What, where and when: it is all that a buyer sees.".to_owned()
    };
    let understood = good_price(&price.read()).filter(|_| with_price);
    let words = understood.map_or_else(
        || submit.clone(),
        |price| format!("{submit} for {}", format::exact_money(price)),
    );
    rsx! {
        div { class: "form-columns",
            form {
                class: "form panel form-panel",
                novalidate: true,
                onsubmit: move |event| {
                    event.prevent_default();
                    if busy || off {
                        return;
                    }
                    match read(&title.read(), &price.read()) {
                        Ok(ticket) => onsave.call(ticket),
                        Err(wrong) => errors.set(wrong),
                    }
                },
                if let Some(words) = errors.read().general.clone() {
                    Notice { tone: NoticeTone::Error, p { Said { words } } }
                }
                TextField {
                    id: "title",
                    label: "Title",
                    value: title,
                    error: error_of("title"),
                    hint,
                    required: true,
                    dir: "auto",
                    // Nothing that is typed is dropped: what is too long is said to be.
                    maxlength: 1_000,
                    onedit: move |()| errors.write().clear("title"),
                }
                TextField {
                    id: "price",
                    label: "Price",
                    value: price,
                    error: error_of("price"),
                    prefix: config.currency(),
                    inputmode: "decimal",
                    required: true,
                    maxlength: 30,
                    onedit: move |()| errors.write().clear("price"),
                }
                div { class: "actions",
                    Button { tone: Tone::Primary, submit: true, busy, off, "{words}" }
                    {children}
                }
            }
            Preview { id, title, price }
        }
    }
}

/// What was typed as a ticket, or what is wrong with it.
fn read(title: &str, price: &str) -> Result<NewTicket, FieldErrors> {
    let mut wrong = FieldErrors::default();
    if title.trim().is_empty() {
        wrong = wrong.and("title", "Title is required");
    }
    match price_input(price, &format::currency()) {
        Ok(price) if wrong.is_empty() => Ok(NewTicket {
            title: title.to_owned().into(),
            price: Field::Given(price),
        }),
        Ok(_) => Err(wrong),
        Err(why) => Err(wrong.and("price", format!("Price {why}"))),
    }
}

/// The price of a text, if a ticket could be sold at it.
fn good_price(text: &str) -> Option<Amount> {
    let price = price_input(text, &format::currency()).ok();
    price.filter(|price| price.cents > 0 && *price <= DEAREST)
}

/// The ticket as buyers will see it in the list.
#[component]
fn Preview(id: Uuid, title: Signal<String>, price: Signal<String>) -> Element {
    let shown = good_price(&price.read()).map(format::money);
    let is_titled = !title.read().trim().is_empty();
    rsx! {
        section { class: "preview", "aria-labelledby": "preview-name",
            h2 { id: "preview-name", "As buyers see it" }
            div { class: "card",
                StubArt { id }
                div { class: "card-body",
                    p {
                        class: if is_titled { "card-title" } else { "card-title placeholder" },
                        dir: "auto",
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
