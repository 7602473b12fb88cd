use api::Ticket;
use dioxus::prelude::*;
use state::{Intent, Route};
use uuid::Uuid;

use crate::browser::{format, history};
use crate::client;
use crate::components::{Button, Notice, NoticeTone, Tone};
use crate::store::config::CONFIG;
use crate::store::session::SESSION;

/// Buying: once, at the price that the buyer agreed to.
#[component]
pub fn Buy(ticket: Ticket, onstale: EventHandler<()>) -> Element {
    // The price that the buyer has seen and not yet been told is another one.
    let mut agreed = use_signal(|| ticket.price);
    let mut intent = use_signal(Intent::default);
    let mut busy = use_signal(|| false);
    let mut trouble = use_signal(|| None::<String>);

    let changed = agreed() != ticket.price;
    let now = format::money(ticket.price);
    let hold = CONFIG.read().as_ref().map(|config| config.hold_seconds);
    let bought = ticket.clone();
    let buy = move |()| {
        if busy() {
            return;
        }
        if SESSION.peek().is_nobody() {
            history::go(Route::Ticket(bought.id).sign_in_first());
            return;
        }
        agreed.set(bought.price);
        busy.set(true);
        trouble.set(None);
        let ticket = bought.clone();
        spawn(async move {
            let meaning = format!("{} at {}", ticket.id, ticket.price);
            let key = intent.write().key(&meaning, Uuid::new_v4());
            let outcome = client::place_order(&ticket, &key).await;
            busy.set(false);
            match outcome {
                Ok(order) => {
                    intent.write().settle();
                    history::go(Route::Order(order.id));
                }
                Err(failure) => {
                    if failure.is_decided() {
                        intent.write().settle();
                    }
                    if failure.refused() == Some(401) {
                        history::go(Route::Ticket(ticket.id).sign_in_first());
                        return;
                    }
                    trouble.set(Some(failure.message()));
                    // Whatever was refused: what is shown here is no longer so.
                    if failure.refused().is_some() {
                        onstale.call(());
                    }
                }
            }
        });
    };
    rsx! {
        if changed {
            Notice { tone: NoticeTone::Warning,
                p {
                    "The price changed from {format::money(agreed())} to "
                    strong { "{now}" }
                    " while you were looking."
                }
                div { class: "actions",
                    Button { tone: Tone::Primary, busy: busy(), onpress: buy, "Buy for {now} now" }
                }
            }
        } else {
            if let Some(words) = trouble() {
                Notice { tone: NoticeTone::Error, p { "{words}" } }
            }
            div { class: "actions",
                Button { id: "buy", tone: Tone::Primary, wide: true, busy: busy(), onpress: buy,
                    "Buy for {now}"
                }
            }
        }
        p { class: "hint",
            "The ticket is held for you "
            if let Some(seconds) = hold {
                "{span(seconds)} "
            }
            "while you pay. Nothing is charged before."
        }
    }
}

/// So many seconds in words.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} seconds"),
        more => format!("{} minutes", more / 60),
    }
}
