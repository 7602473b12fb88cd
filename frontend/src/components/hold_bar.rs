use api::Order;
use dioxus::prelude::*;
use state::Route;

use super::{Link, use_countdown};
use crate::browser::history;
use crate::store::use_store;

/// Says on every page that a ticket is held, for how long, and where to pay: below, where it moves
/// nothing when it comes. The time is before the tab's title, too.
#[component]
pub fn HoldBar() -> Element {
    let Some((order, count)) = use_store().orders.running() else {
        return rsx! {};
    };
    rsx! {
        // A list of one: another order is another countdown.
        for order in [order] {
            Held { key: "{order.id}", order, others: count - 1 }
        }
    }
}

#[component]
fn Held(order: Order, others: usize) -> Element {
    let left = use_countdown(&order);
    let mut time_left = use_store().title.time_left;
    use_effect(move || {
        let left = left().filter(|left| !left.is_over());
        time_left.set(left.map(state::Countdown::digits));
    });
    use_drop(move || time_left.set(None));
    // The order's own page has a larger one. On the page of another, that one's button to pay is
    // what is pressed.
    let route = history::current_route();
    let is_here = route == Route::Order(order.id);
    let (words, button) = match route {
        Route::Order(_) => ("Also held for you: ", "button"),
        _ => ("Held for you: ", "button primary"),
    };
    let Some(left) = left().filter(|left| !left.is_over() && !is_here) else {
        return rsx! {};
    };
    rsx! {
        aside { class: "hold-bar", "aria-label": "Held for you",
            p { class: "hold-bar-title",
                "{words}"
                bdi { "{order.ticket.title}" }
            }
            p { class: "hold-bar-time", role: "timer", "{left.digits()}" }
            if others > 0 {
                Link { to: Route::Orders, class: "hold-bar-more", "and {others} more" }
            }
            Link { to: Route::Order(order.id), class: button, "Go and pay" }
        }
    }
}
