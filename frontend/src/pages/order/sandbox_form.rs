use dioxus::prelude::*;
use state::{TEST_CARDS, test_card};

use crate::browser::page;
use crate::components::{Button, Icon, Shape, TextField, Tone};

/// The form of the payment sandbox: any of its test cards, and what each of them does.
#[component]
pub fn SandboxForm(
    /// With its currency.
    price: String,
    busy: bool,
    error: Option<String>,
    onpay: EventHandler<String>,
    onedit: EventHandler<()>,
    onfailure: EventHandler<String>,
) -> Element {
    // Kept nowhere, though it is of a test card: nobody is to get used to it.
    let mut number = use_signal(String::new);
    rsx! {
        form {
            class: "form",
            novalidate: true,
            "aria-label": "Payment",
            onsubmit: move |event| {
                event.prevent_default();
                if busy {
                    return;
                }
                match test_card(&number.read()) {
                    Some(card) => onpay.call(card.token.to_owned()),
                    None if number.read().trim().is_empty() => {
                        onfailure.call("Enter a card number".to_owned());
                    }
                    None => {
                        onfailure.call("The sandbox takes only the test cards below".to_owned());
                    }
                }
            },
            TextField {
                id: "card",
                label: "Card number",
                value: number,
                error,
                hint: "A sandbox: no real card is charged, and none should be typed.",
                inputmode: "numeric",
                required: true,
                maxlength: 30,
                onedit,
            }
            fieldset { class: "test-cards",
                legend { "Test cards" }
                ul {
                    for card in TEST_CARDS {
                        li { key: "{card.token}",
                            button {
                                r#type: "button",
                                class: "test-card",
                                onclick: move |_| {
                                    number.set(card.number.to_owned());
                                    onedit.call(());
                                    page::focus("pay");
                                },
                                span { class: if card.pays { "card-mark pays" } else { "card-mark" },
                                    Icon { shape: if card.pays { Shape::Check } else { Shape::Close } }
                                }
                                span { class: "test-card-number", "{card.number}" }
                                span { class: "test-card-outcome", "{card.outcome}" }
                            }
                        }
                    }
                }
            }
            div { class: "actions",
                Button { id: "pay", tone: Tone::Primary, wide: true, submit: true, busy,
                    "Pay {price}"
                }
            }
        }
    }
}
