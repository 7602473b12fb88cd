use dioxus::prelude::*;

use super::{Button, Tone};
use crate::store::connection::{self, CONNECTION};

/// Says that there is no connection, as long as there is none.
#[component]
pub fn Banner() -> Element {
    // The region is always there: a screen reader only speaks of changes inside.
    rsx! {
        div { class: "banner-region", role: "status",
            if CONNECTION.read().is_known {
                div { class: "banner",
                    p {
                        strong { "No connection." }
                        " What you see may be out of date. It comes back by itself."
                    }
                    Button { tone: Tone::Quiet, onpress: |()| connection::try_now(), "Try now" }
                }
            }
        }
    }
}
