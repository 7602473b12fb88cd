use api::{Amount, Ticket};
use dioxus::prelude::*;
use state::{Intent, Route};
use uuid::Uuid;

use crate::browser::{format, history};
use crate::client;
use crate::components::{Button, Notice, NoticeTone, Tone};
use crate::store::config::CONFIG;
use crate::store::session::SESSION;

/// A purchase that is under way, or may be.
#[derive(Clone, Copy, PartialEq)]
pub struct Purchase {
    /// The server was asked, and hasn't answered.
    pub busy: ReadSignal<bool>,
    trouble: ReadSignal<Option<String>>,
    /// The price that the buyer has seen, and not yet been told is another one.
    agreed: Signal<Option<Amount>>,
    buy: Callback<Ticket>,
}

/// Buying: once, at the price that the buyer agreed to. `onstale` is called when what is shown of
/// the ticket is no longer so.
pub fn use_purchase(onstale: impl FnMut(()) + 'static) -> Purchase {
    let agreed = use_signal(|| None);
    let mut intent = use_signal(Intent::default);
    let mut busy = use_signal(|| false);
    let mut trouble = use_signal(|| None::<String>);
    let onstale = use_callback(onstale);
    let press = use_callback(move |ticket: Ticket| {
        if busy() {
            return;
        }
        if SESSION.peek().is_nobody() {
            history::go(Route::Ticket(ticket.id).sign_in_first());
            return;
        }
        busy.set(true);
        trouble.set(None);
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
                    if failure.refused().is_some() {
                        onstale.call(());
                    }
                }
            }
        });
    });
    Purchase {
        busy: busy.into(),
        trouble: trouble.into(),
        agreed,
        buy: press,
    }
}

/// The button, and what there is to know before it is pressed.
#[component]
pub fn Buy(ticket: Ticket, purchase: Purchase) -> Element {
    let Purchase {
        busy,
        trouble,
        mut agreed,
        buy,
    } = purchase;
    let price = ticket.price;
    // The first price that is shown is the one that the buyer is told of any change from.
    use_effect(move || {
        if agreed.peek().is_none() {
            agreed.set(Some(price));
        }
    });
    let before = agreed().filter(|agreed| *agreed != price);
    let now = format::money(price);
    let hold = CONFIG.read().as_ref().map(|config| config.hold_seconds);
    let press = move |()| {
        agreed.set(Some(price));
        buy.call(ticket.clone());
    };
    rsx! {
        if let Some(before) = before {
            Notice { tone: NoticeTone::Warning,
                p {
                    "The price changed from {format::money(before)} to "
                    strong { "{now}" }
                    " while you were looking."
                }
                div { class: "actions",
                    Button { tone: Tone::Primary, busy: busy(), onpress: press, "Buy for {now} now" }
                }
            }
        } else {
            if let Some(words) = trouble() {
                Notice { tone: NoticeTone::Error, p { "{words}" } }
            }
            div { class: "actions",
                Button { id: "buy", tone: Tone::Primary, wide: true, busy: busy(), onpress: press,
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
