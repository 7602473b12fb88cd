use dioxus::prelude::*;
use uuid::Uuid;

use crate::browser::page;
use crate::client;
use crate::components::{Button, Notice, NoticeTone, Tone};
use crate::store::toasts;

/// Giving the ticket back. It asks once, since the ticket is gone then.
#[component]
pub fn Cancel(order: Uuid, oncancel: EventHandler<()>, onchange: EventHandler<()>) -> Element {
    let mut asking = use_signal(|| false);
    let mut busy = use_signal(|| false);
    let mut trouble = use_signal(|| None::<String>);
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
        trouble.set(None);
        spawn(async move {
            let outcome = client::cancel_order(order).await;
            busy.set(false);
            match outcome {
                Ok(()) => {
                    toasts::say("The order is cancelled");
                    oncancel.call(());
                    page::focus("outcome");
                }
                Err(failure) => {
                    trouble.set(Some(failure.message()));
                    onchange.call(());
                }
            }
        });
    };
    rsx! {
        div { class: "cancel",
            if let Some(words) = trouble() {
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
