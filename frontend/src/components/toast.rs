use dioxus::prelude::*;

use super::{Icon, Shape};
use crate::store::toasts::{self, TOAST};

/// Short words about what was just done.
#[component]
pub fn Toast() -> Element {
    let toast = TOAST.read().clone();
    rsx! {
        div { class: "toast-region", role: "status",
            if let Some((number, text)) = toast {
                div { key: "{number}", class: "toast",
                    p { "{text}" }
                    button {
                        r#type: "button",
                        class: "toast-close",
                        "aria-label": "Dismiss",
                        onclick: |_| toasts::dismiss(),
                        Icon { shape: Shape::Close }
                    }
                }
            }
        }
    }
}
