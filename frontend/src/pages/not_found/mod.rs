//! What is no page.

use dioxus::prelude::*;
use state::Route;

use crate::components::{Link, PageHead};

/// Says that there is nothing here, and where there is something.
#[component]
pub fn NotFoundPage() -> Element {
    rsx! {
        div { class: "empty",
            p { class: "empty-number", "aria-hidden": "true", "404" }
            PageHead {
                title: "Page not found",
                lead: "There is nothing at this address. It may have been mistyped, or be gone.",
            }
            Link { to: Route::home(), class: "button primary", "See all tickets" }
        }
    }
}
