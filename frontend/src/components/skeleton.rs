//! What is shown until the real thing is here: the same shapes in the same places.

use dioxus::prelude::*;

/// Tickets that are on their way.
#[component]
pub fn CardSkeletons() -> Element {
    rsx! {
        ul { class: "cards", "aria-hidden": "true",
            for number in 0..8 {
                li { key: "{number}", class: "card-bone bone" }
            }
        }
        p { class: "visually-hidden", role: "status", "Loading" }
    }
}

/// Rows that are on their way.
#[component]
pub fn RowSkeletons() -> Element {
    rsx! {
        div { "aria-hidden": "true",
            for number in 0..3 {
                div { key: "{number}", class: "row-bone bone" }
            }
        }
        p { class: "visually-hidden", role: "status", "Loading" }
    }
}

/// A page that is on its way.
#[component]
pub fn PageSkeleton() -> Element {
    rsx! {
        div { class: "page-head", "aria-hidden": "true", span { class: "bone title-bone" } }
        RowSkeletons {}
    }
}
