use api::Order;
use dioxus::prelude::*;
use state::{FieldErrors, RequestKey};
use uuid::Uuid;

use super::card_form::StripeForm;
use super::sandbox_form::SandboxForm;
use crate::browser::{format, page};
use crate::client::{self, Provider};
use crate::components::{Late, Notice, NoticeTone, RowSkeletons};
use crate::store::use_store;

/// Paying an order, with whatever form the server's provider asks for.
#[component]
pub fn Pay(order: Order, onchange: EventHandler<()>) -> Element {
    let store = use_store();
    let mut request_key = use_signal(RequestKey::default);
    let mut busy = use_signal(|| false);
    let mut errors = use_signal(FieldErrors::default);
    let id = order.id;

    let pay = move |token: String| {
        if busy() {
            return;
        }
        busy.set(true);
        errors.set(FieldErrors::default());
        spawn(async move {
            let key = request_key.write().key(&token, Uuid::new_v4());
            let outcome = store.api.call(client::pay(id, &token, key)).await;
            busy.set(false);
            match outcome {
                Ok(_) => {
                    request_key.write().settle();
                    onchange.call(());
                }
                Err(failure) => {
                    if failure.is_decided() {
                        request_key.write().settle();
                    }
                    errors.set(FieldErrors::field("card", failure.message()));
                    page::focus("card");
                    // It may have been refused because the order ended.
                    if failure.refused().is_some_and(|status| status != 402) {
                        onchange.call(());
                    }
                }
            }
        });
    };
    let error = errors.read().of("card").map(str::to_owned);
    let price = format::money_in(order.ticket.price, &order.ticket.currency);
    match store.config.provider() {
        None => rsx! {
            Late { failure: store.config.failure() }
            RowSkeletons {}
        },
        Some(Provider::Other) => rsx! {
            Notice { tone: NoticeTone::Warning,
                p { "This page can’t take your card yet: load it again." }
            }
        },
        Some(Provider::Sandbox) => rsx! {
            SandboxForm {
                price,
                busy: busy(),
                error,
                onpay: pay,
                onedit: move |()| errors.write().clear("card"),
                onfailure: move |words: String| {
                    errors.set(FieldErrors::field("card", words));
                    page::focus("card");
                },
            }
        },
        Some(Provider::Stripe(key)) => rsx! {
            StripeForm {
                publishable_key: key,
                price,
                busy: busy(),
                error,
                onpay: pay,
                onfailure: move |words: String| errors.set(FieldErrors::field("card", words)),
            }
        },
    }
}
