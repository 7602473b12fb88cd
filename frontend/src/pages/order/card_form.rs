use dioxus::prelude::*;

use crate::browser::stripe::CardForm;
use crate::components::{Button, Tone};

/// Stripe's card form.
#[component]
pub fn StripeForm(
    publishable_key: String,
    /// With its currency.
    price: String,
    busy: bool,
    error: Option<String>,
    onpay: EventHandler<String>,
    onfailure: EventHandler<String>,
) -> Element {
    let mut form = use_signal(|| None::<CardForm>);
    let mut asking = use_signal(|| false);
    let mount = move || {
        let key = publishable_key.clone();
        spawn(async move {
            match CardForm::mount(&key, "stripe-card").await {
                Ok(mounted) => form.set(Some(mounted)),
                Err(error) => onfailure.call(error.0),
            }
        });
    };
    use_effect(mount.clone());
    let wrong = error.is_some();
    rsx! {
        form {
            class: "form",
            novalidate: true,
            "aria-label": "Payment",
            onsubmit: move |event| {
                event.prevent_default();
                if busy || asking() {
                    return;
                }
                let Some(card) = form.peek().clone() else {
                    // It couldn't be loaded: this is the visitor's second try.
                    mount();
                    return;
                };
                asking.set(true);
                spawn(async move {
                    let token = card.token().await;
                    asking.set(false);
                    match token {
                        Ok(token) => onpay.call(token),
                        Err(error) => onfailure.call(error.0),
                    }
                });
            },
            div { class: if wrong { "field wrong" } else { "field" },
                p { class: "label", "Card" }
                // Stripe's script draws its frame in here; nothing of ours may be inside.
                div { class: "input-box stripe-card", id: "stripe-card" }
                if let Some(error) = error {
                    p { class: "field-error", role: "alert", "{error}" }
                }
            }
            div { class: "actions",
                Button { id: "pay", tone: Tone::Primary, wide: true, submit: true, busy: busy || asking(),
                    "Pay {price}"
                }
            }
        }
    }
}
