//! What the visitor bought, and holds.

use api::{Order, OrderStatus};
use dioxus::prelude::*;
use state::{OrderView, Route};

use crate::browser::history::use_navigation;
use crate::browser::{format, time};
use crate::components::{
    Badge, Button, FailureNotice, Link, PageHead, RowSkeletons, StubArt, order_badge, use_countdown,
};
use crate::store::reads::Read;
use crate::store::use_store;

/// How many are shown at once, and more of them on demand.
const SHOWN: usize = 100;

/// All orders of the visitor, the newest first.
#[component]
pub fn OrdersPage() -> Element {
    let navigation = use_navigation();
    let orders = use_store().orders;
    let mut shown = use_signal(|| SHOWN.max(navigation.rows_before()));
    use_effect(move || {
        let count = orders.read().ready().map_or(0, Vec::len);
        navigation.set_rows(shown().min(count));
    });
    rsx! {
        PageHead { title: "My tickets", lead: "What you bought, and what you hold." }
        match &*orders.read() {
            Read::Loading => rsx! { RowSkeletons {} },
            Read::Failed(failure) => rsx! { FailureNotice { failure: failure.clone() } },
            Read::Ready(orders) if orders.is_empty() => rsx! {
                div { class: "empty",
                    h2 { "No tickets yet" }
                    p { "A ticket that you buy appears here. What you sell is under Selling." }
                    Link { to: Route::home(), class: "button primary", "See all tickets" }
                }
            },
            Read::Ready(orders) => rsx! {
                ul { class: "rows", role: "list",
                    for order in orders.iter().rev().take(shown()).cloned() {
                        Row { key: "{order.id}", order }
                    }
                }
                if orders.len() > shown() {
                    div { class: "more",
                        Button { onpress: move |()| shown += SHOWN, "Show more" }
                    }
                }
            },
        }
    }
}

#[component]
fn Row(order: Order) -> Element {
    let store = use_store();
    let left = use_countdown(&order);
    let view = OrderView::of(&order, store.api.clock.now());
    let payable = view == OrderView::Payable;
    use_effect(use_reactive((&view,), move |(view,)| {
        if view == OrderView::Ending {
            spawn(async move {
                time::sleep(1_000).await;
                store.orders.reload();
            });
        }
    }));
    // Only those that run are drawn anew each second.
    let digits = if payable {
        left().map(state::Countdown::digits)
    } else {
        None
    };
    let placed = format::moment(order.created_at);
    rsx! {
        li { class: "row",
            StubArt { id: order.ticket.id }
            div { class: "row-body",
                h2 { class: "row-title", dir: "auto",
                    Link { to: Route::Order(order.id), class: "card-link", "{order.ticket.title}" }
                }
                p { class: "row-facts",
                    span { class: "price", "{format::money_in(order.ticket.price, &order.ticket.currency)}" }
                    Badge { of: order_badge(order.status) }
                    if let Some(digits) = digits {
                        span { class: "row-left", "{digits} left to pay" }
                    } else if order.status == OrderStatus::Complete {
                        span { class: "muted", "The ticket is yours" }
                    }
                    time { class: "muted row-date", datetime: "{order.created_at.to_rfc3339()}", "{placed}" }
                }
            }
        }
    }
}
