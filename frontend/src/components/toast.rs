use dioxus::prelude::*;

use super::{Icon, Shape};
use crate::store::use_store;

/// Short words about what was just done.
#[component]
pub fn Toast() -> Element {
    let toasts = use_store().toasts;
    rsx! {
        div { class: "toast-region", role: "status",
            if let Some((number, text)) = toasts.shown() {
                div { key: "{number}", class: "toast",
                    p { "{text}" }
                    button {
                        r#type: "button",
                        class: "toast-close",
                        "aria-label": "Dismiss",
                        onclick: move |_| toasts.dismiss(),
                        Icon { shape: Shape::Close }
                    }
                }
            }
        }
    }
}
