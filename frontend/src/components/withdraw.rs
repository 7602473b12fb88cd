use dioxus::prelude::*;
use uuid::Uuid;

use super::{Button, Notice, NoticeTone, Tone};
use crate::browser::page;
use crate::client;
use crate::store::use_store;

/// Taking one's own ticket off the market. It asks once, since it can't be undone.
#[component]
pub fn Withdraw(id: Uuid, onchange: EventHandler<()>) -> Element {
    let server = use_store().api;
    let mut asking = use_signal(|| false);
    let mut busy = use_signal(|| false);
    let mut problem = use_signal(|| None::<String>);
    // The button that was pressed goes away: the keyboard goes to what takes its place.
    use_effect(move || {
        if asking() {
            page::focus("keep-ticket");
        }
    });
    let withdraw = move |()| {
        if busy() {
            return;
        }
        busy.set(true);
        problem.set(None);
        spawn(async move {
            let outcome = server.call(client::withdraw_ticket(id)).await;
            busy.set(false);
            if let Err(failure) = outcome {
                problem.set(Some(failure.message()));
            }
            onchange.call(());
        });
    };
    rsx! {
        div { class: "cancel",
            if let Some(words) = problem() {
                Notice { tone: NoticeTone::Error, p { "{words}" } }
            }
            if asking() {
                p { "Take the ticket off the market? Nobody can buy it then, and it can’t be undone." }
                div { class: "actions",
                    Button { id: "keep-ticket", onpress: move |()| asking.set(false), "Keep it for sale" }
                    Button { tone: Tone::Danger, busy: busy(), onpress: withdraw, "Withdraw it" }
                }
            } else {
                Button { tone: Tone::Quiet, onpress: move |()| asking.set(true), "Withdraw the ticket" }
            }
        }
    }
}
