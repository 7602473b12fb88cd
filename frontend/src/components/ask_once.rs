use dioxus::prelude::*;

use super::{Button, Notice, NoticeTone, Tone};
use crate::browser::page;
use crate::client::Request;
use crate::store::use_store;

/// A request that can't be undone: it asks once.
#[component]
pub fn AskOnce(
    /// The first button.
    first: &'static str,
    question: &'static str,
    /// The button that leaves everything as it is.
    keep: &'static str,
    /// The button that sends the request.
    act: &'static str,
    request: Callback<(), Request<()>>,
    /// It is asked for, or was refused. Told before the server is asked: what the request changes is
    /// often seen before the server's own answer is here, and this is gone then.
    onask: Option<EventHandler<bool>>,
    onchange: EventHandler<()>,
) -> Element {
    let server = use_store().api;
    let mut asking = use_signal(|| false);
    let mut busy = use_signal(|| false);
    let mut problem = use_signal(|| None::<String>);
    let told = move |asked| {
        if let Some(onask) = onask {
            onask.call(asked);
        }
    };
    // The button that was pressed goes away: the keyboard goes to what takes its place.
    use_effect(move || {
        if asking() {
            page::focus("keep");
        }
    });
    let send = move |()| {
        if busy() {
            return;
        }
        busy.set(true);
        problem.set(None);
        told(true);
        spawn(async move {
            let outcome = server.call(request.call(())).await;
            busy.set(false);
            if let Err(failure) = outcome {
                problem.set(Some(failure.message()));
                told(false);
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
                p { "{question}" }
                div { class: "actions",
                    Button { id: "keep", onpress: move |()| asking.set(false), "{keep}" }
                    Button { tone: Tone::Danger, busy: busy(), onpress: send, "{act}" }
                }
            } else {
                Button { tone: Tone::Quiet, onpress: move |()| asking.set(true), "{first}" }
            }
        }
    }
}
