use dioxus::html::input_data::MouseButton;
use dioxus::prelude::*;
use state::Route;

use crate::browser::history::{self, use_navigation};

/// A link to a page of the app: a real one, that opens in a new tab as any other.
///
/// Unlike the router's own, it is current whatever is searched for on its page, and can lead back.
#[component]
pub fn Link(
    to: Route,
    class: Option<String>,
    label: Option<String>,
    /// Whether it goes back in the history, if the page before this is where it leads.
    #[props(default)]
    back: bool,
    children: Element,
) -> Element {
    let navigation = use_navigation();
    let is_here = history::current_route().is_same_page(&to);
    let href = to.to_string();
    rsx! {
        a {
            href,
            class,
            aria_label: label,
            aria_current: is_here.then_some("page"),
            onclick: move |event| {
                let plain = event.modifiers().is_empty()
                    && event.trigger_button() == Some(MouseButton::Primary);
                if plain {
                    event.prevent_default();
                    if back {
                        navigation.go_back_to(&to);
                    } else {
                        history::go(&to);
                    }
                }
            },
            {children}
        }
    }
}
