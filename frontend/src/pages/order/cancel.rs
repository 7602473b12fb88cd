use dioxus::prelude::*;
use uuid::Uuid;

use crate::browser::page;
use crate::client;
use crate::components::{Button, Notice, NoticeTone, Tone};
use crate::store::use_store;

/// Giving the ticket back. It asks once, since the ticket is gone then.
///
/// `ongiveback` is told before the server is asked, and again if the server refuses: the order is
/// often seen as cancelled before the server's own answer is here, and this is gone then.
#[component]
pub fn Cancel(order: Uuid, ongiveback: EventHandler<bool>, onchange: EventHandler<()>) -> Element {
    let server = use_store().api;
    let mut asking = use_signal(|| false);
    let mut busy = use_signal(|| false);
    let mut problem = use_signal(|| None::<String>);
    // The button that was pressed goes away: the keyboard goes to what takes its place.
    use_effect(move || {
        if asking() {
            page::focus("keep-order");
        }
    });
    let cancel = move |()| {
        if busy() {
            return;
        }
        busy.set(true);
        problem.set(None);
        ongiveback.call(true);
        spawn(async move {
            let outcome = server.call(client::cancel_order(order)).await;
            busy.set(false);
            if let Err(failure) = outcome {
                problem.set(Some(failure.message()));
                ongiveback.call(false);
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
                p { id: "cancel-question", "Give the ticket back? Somebody else may take it." }
                div { class: "actions",
                    Button { id: "keep-order", onpress: move |()| asking.set(false), "Keep it" }
                    Button { tone: Tone::Danger, busy: busy(), onpress: cancel, "Give it back" }
                }
            } else {
                Button { tone: Tone::Quiet, onpress: move |()| asking.set(true), "Cancel the order" }
            }
        }
    }
}
