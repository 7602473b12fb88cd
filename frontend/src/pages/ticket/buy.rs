use api::Ticket;
use dioxus::prelude::*;
use state::{RequestKey, Route, duration_words};
use uuid::Uuid;

use crate::browser::{format, history};
use crate::client::{self, Failure};
use crate::components::{Button, Notice, NoticeTone, Said, Tone};
use crate::store::use_store;

/// A purchase that is under way, or may be.
#[derive(Clone, Copy, PartialEq)]
pub struct Purchase {
    /// The server was asked, and hasn't answered.
    pub busy: ReadSignal<bool>,
    problem: ReadSignal<Option<String>>,
    /// The ticket as the buyer has seen it, and not yet been told of any change.
    agreed: Signal<Option<Ticket>>,
    buy: Callback<Ticket>,
}

/// Buying: once, and what the buyer agreed to. `onstale` is called when what is shown of the ticket
/// is no longer so.
pub fn use_purchase(onstale: impl FnMut(()) + 'static) -> Purchase {
    let store = use_store();
    let agreed = use_signal(|| None);
    let mut request_key = use_signal(RequestKey::default);
    let mut busy = use_signal(|| false);
    let mut problem = use_signal(|| None::<String>);
    let onstale = use_callback(onstale);
    let press = use_callback(move |ticket: Ticket| {
        if busy() {
            return;
        }
        let sign_in = Route::Ticket(ticket.id).sign_in_first();
        if store.api.session.peek().is_nobody() {
            history::go(&sign_in);
            return;
        }
        busy.set(true);
        problem.set(None);
        spawn(async move {
            let meaning = format!("{} as {}", ticket.id, ticket.version);
            let key = request_key.write().key(&meaning, Uuid::new_v4());
            let outcome = store.api.call(client::place_order(&ticket, key)).await;
            busy.set(false);
            let failure = match outcome {
                Ok(order) => {
                    request_key.write().settle();
                    store.orders.put(&order);
                    history::go(&Route::Order(order.id));
                    return;
                }
                Err(failure) => failure,
            };
            if failure.is_decided() {
                request_key.write().settle();
            }
            match &failure {
                Failure::SignedOut => return history::go(&sign_in),
                // The visitor holds or has it already: by this order.
                Failure::Refused {
                    location: Some(place),
                    ..
                } => {
                    let page = Route::parse(place.trim_start_matches("/api"));
                    if let Route::Order(_) = page {
                        store.orders.reload();
                        return history::go(&page);
                    }
                }
                _ => {}
            }
            problem.set(Some(failure.message()));
            if failure.refused().is_some() {
                onstale.call(());
            }
        });
    });
    Purchase {
        busy: busy.into(),
        problem: problem.into(),
        agreed,
        buy: press,
    }
}

/// The button, and what there is to know before it is pressed.
#[component]
pub fn Buy(ticket: Ticket, purchase: Purchase) -> Element {
    let Purchase {
        busy,
        problem,
        mut agreed,
        buy,
    } = purchase;
    let config = use_store().config;
    // The ticket that is shown first is the one that the buyer is told of any change from.
    let first = ticket.clone();
    use_effect(move || {
        if agreed.peek().is_none() {
            agreed.set(Some(first.clone()));
        }
    });
    let before = agreed().unwrap_or_else(|| ticket.clone());
    let title_before = Some(before.title).filter(|before| *before != ticket.title);
    let price_before = Some(before.price).filter(|before| *before != ticket.price);
    let now = format::money(ticket.price);
    let title = ticket.title.clone();
    let press = move |()| {
        agreed.set(Some(ticket.clone()));
        buy.call(ticket.clone());
    };
    rsx! {
        if title_before.is_some() || price_before.is_some() {
            Notice { tone: NoticeTone::Warning,
                if let Some(before) = title_before {
                    p {
                        "The title changed from “"
                        bdi { "{before}" }
                        "” to “"
                        strong { bdi { "{title}" } }
                        "” while you were looking."
                    }
                }
                if let Some(before) = price_before {
                    p {
                        "The price changed from {format::money(before)} to "
                        strong { "{now}" }
                        " while you were looking."
                    }
                }
                div { class: "actions",
                    Button { tone: Tone::Primary, busy: busy(), onpress: press, "Buy for {now} now" }
                }
            }
        } else {
            if let Some(words) = problem() {
                Notice { tone: NoticeTone::Error, p { Said { words } } }
            }
            div { class: "actions",
                Button { id: "buy", tone: Tone::Primary, wide: true, busy: busy(), onpress: press,
                    "Buy for {now}"
                }
            }
        }
        p { class: "hint",
            "The ticket is held for you "
            if let Some(seconds) = config.hold_seconds() {
                "for {duration_words(seconds)} "
            }
            "while you pay. Nothing is charged before that."
        }
    }
}
