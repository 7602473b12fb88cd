use dioxus::prelude::*;

use crate::client::Provider;
use crate::store::config::CONFIG;

/// The end of every page.
#[component]
pub fn Footer() -> Element {
    let config = CONFIG.read();
    let sandbox = config
        .as_ref()
        .is_some_and(|known| known.provider == Provider::Sandbox);
    rsx! {
        footer { class: "bottom",
            p { "Every ticket is sold once, at the price you saw." }
            if sandbox {
                p { "Payments are a sandbox: no real card is charged." }
            }
        }
    }
}
