use dioxus::prelude::*;

use crate::client::Provider;
use crate::store::use_store;

/// The end of every page.
#[component]
pub fn Footer() -> Element {
    let sandbox = use_store().config.provider() == Some(Provider::Sandbox);
    rsx! {
        footer { class: "bottom",
            p { "Every ticket is sold once, at the price you saw." }
            if sandbox {
                p { "Payments are a sandbox: no real card is charged." }
            }
        }
    }
}
