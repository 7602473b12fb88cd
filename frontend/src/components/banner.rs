use dioxus::prelude::*;

use super::{Button, Tone};
use crate::store::use_store;

/// Says that there is no connection, as long as there is none.
#[component]
pub fn Banner() -> Element {
    let connection = use_store().api.connection;
    // The region is always there: a screen reader only speaks of changes inside.
    rsx! {
        div { class: "banner-region", role: "status",
            if connection.is_shown_lost() {
                div { class: "banner",
                    p {
                        strong { "No connection." }
                        " What you see may be out of date. It comes back by itself."
                    }
                    Button { tone: Tone::Quiet, onpress: move |()| connection.try_now(), "Try now" }
                }
            }
        }
    }
}
