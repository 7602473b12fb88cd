//! The visitor's orders.

use api::{Order, OrderStatus, Ticket};
use dioxus::prelude::*;
use state::{OrderStanding, Route};

use crate::browser::format;
use crate::client;
use crate::components::{
    Badge, FailureNotice, Link, PageHead, RowSkeletons, StubArt, order_badge, use_countdown,
};
use crate::store::clock;
use crate::store::live::use_live;
use crate::store::reads::{Read, use_read};

/// All orders of the visitor, the newest first.
#[component]
pub fn OrdersPage() -> Element {
    let mut moves = use_signal(|| 0_u32);
    let orders = use_read(move || {
        moves.read();
        client::orders()
    });
    use_live(move |ticket: Ticket| {
        let is_mine = |order: &Order| order.ticket.id == ticket.id;
        if orders
            .peek()
            .ready()
            .is_some_and(|orders| orders.iter().any(is_mine))
        {
            moves += 1;
        }
    });
    rsx! {
        PageHead { title: "My orders", lead: "What you hold, and what you bought." }
        match &*orders.read() {
            Read::Loading => rsx! { RowSkeletons {} },
            Read::Failed(failure) => rsx! { FailureNotice { failure: failure.clone() } },
            Read::Ready(orders) if orders.is_empty() => rsx! {
                div { class: "empty",
                    h2 { "No orders yet" }
                    p { "A ticket that you buy appears here." }
                    Link { to: Route::home(), class: "button primary", "See all tickets" }
                }
            },
            Read::Ready(orders) => rsx! {
                ul { class: "rows",
                    for order in orders.iter().rev().cloned() {
                        Row { key: "{order.id}", order, onover: move |()| moves += 1 }
                    }
                }
            },
        }
    }
}

#[component]
fn Row(order: Order, onover: EventHandler<()>) -> Element {
    let left = use_countdown(order.expires_at);
    let standing = OrderStanding::of(&order, clock::now());
    let payable = standing == OrderStanding::Payable;
    use_effect(use_reactive((&standing,), move |(standing,)| {
        if standing == OrderStanding::Ending {
            spawn(async move {
                crate::browser::time::sleep(1_000).await;
                onover.call(());
            });
        }
    }));
    // Only those that run are drawn anew each second.
    let digits = if payable {
        left().map(state::Countdown::digits)
    } else {
        None
    };
    rsx! {
        li { class: "row",
            StubArt { id: order.ticket.id }
            div { class: "row-body",
                h2 { class: "row-title",
                    Link { to: Route::Order(order.id), class: "card-link", "{order.ticket.title}" }
                }
                p { class: "row-facts",
                    span { class: "price", "{format::money(order.ticket.price)}" }
                    Badge { of: order_badge(order.status) }
                    if let Some(digits) = digits {
                        span { class: "row-left", "{digits} left to pay" }
                    } else if order.status == OrderStatus::Complete {
                        span { class: "muted", "The ticket is yours" }
                    }
                }
            }
        }
    }
}
