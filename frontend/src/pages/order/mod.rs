//! One order.

mod card_form;
mod pay;
mod sandbox_form;

use api::{CancelReason, Order, Ticket};
use dioxus::prelude::*;
use state::{OrderView, Route, has_ended};
use uuid::Uuid;

use pay::Pay;

use crate::browser::{format, page, time};
use crate::client::{self, Failure};
use crate::components::{
    AskOnce, Badge, CountdownClock, FailureNotice, Icon, Link, Notice, NoticeTone, PageHead,
    PageSkeleton, Shape, StubArt, hold_of, order_badge, use_countdown, use_title,
};
use crate::store::reads::{Read, use_read};
use crate::store::use_store;

/// How often a server that hasn't yet said how an order ended is asked, in milliseconds.
const ASKING: u32 = 700;

/// One order: what is bought, how long it is held, and paying it.
#[component]
pub fn OrderPage(id: Uuid) -> Element {
    let store = use_store();
    let mut reloads = use_signal(|| 0_u32);
    // Whether the ticket shows that the order has.
    let mut ended = use_signal(|| false);
    let order = use_read(store.api, move || {
        reloads.read();
        store.orders.read_one(id, *ended.peek())
    });
    // An order has no stream of its own; its ticket moves whenever it does.
    store.ticket_events.use_each(move |ticket: Ticket| {
        if let Some(order) = order.peek().ready()
            && order.ticket.id == ticket.id
        {
            ended.set(has_ended(order, &ticket));
            reloads += 1;
        }
    });
    // What every page shows of it follows.
    use_effect(move || {
        if let Some(order) = order.read().ready() {
            store.orders.put(order);
        }
    });
    let changed = move |()| reloads += 1;
    match &*order.read() {
        Read::Loading => rsx! { Loading {} },
        Read::Failed(failure) => rsx! { Gone { failure: failure.clone() } },
        Read::Ready(order) => rsx! {
            Details { order: order.clone(), onchange: changed }
        },
    }
}

#[component]
fn Loading() -> Element {
    use_title("Your order");
    rsx! { PageSkeleton {} }
}

#[component]
fn Gone(failure: Failure) -> Element {
    let (title, lead) = match failure.refused() {
        Some(400 | 404) => ("No such order", "It may have been mistyped."),
        Some(401) => (
            "Not your order",
            "Only the one who placed an order can see it.",
        ),
        _ => {
            return rsx! {
                PageHead { title: "Your order" }
                FailureNotice { failure }
            };
        }
    };
    rsx! {
        div { class: "empty",
            PageHead { title, lead }
            Link { to: Route::Orders, class: "button primary", "My tickets" }
        }
    }
}

#[component]
fn Details(order: Order, onchange: EventHandler<()>) -> Element {
    let left = use_countdown(&order);
    // Read so that this is drawn anew each second; the view itself is of the server's clock.
    let left = left();
    let view = OrderView::of(&order, use_store().api.clock.now());
    // Whether it ends before the visitor's eyes, and whether the visitor asked for it.
    let mut seen_open = use_signal(|| false);
    let mut given_back = use_signal(|| false);
    if matches!(view, OrderView::Payable | OrderView::Ending) && !*seen_open.peek() {
        seen_open.set(true);
    }
    use_effect(use_reactive((&view,), move |(view,)| match view {
        OrderView::Ending => {
            spawn(async move {
                time::sleep(ASKING).await;
                onchange.call(());
            });
        }
        // What the keyboard was on is gone: it goes to what took its place.
        OrderView::Paid | OrderView::Cancelled if *seen_open.peek() => {
            page::focus("outcome");
        }
        _ => {}
    }));
    let total = hold_of(&order);
    let title = match view {
        OrderView::Paid => "It’s yours",
        OrderView::Cancelled => "Order cancelled",
        OrderView::Payable | OrderView::Ending => "Pay for your ticket",
    };
    rsx! {
        Link { to: Route::Orders, class: "back",
            Icon { shape: Shape::Back }
            "My tickets"
        }
        PageHead { title, Badge { of: order_badge(order.status) } }
        div { class: "order-columns",
            Bought { order: order.clone() }
            div { class: "order-main", id: "outcome", tabindex: "-1",
                match view {
                    OrderView::Payable => rsx! {
                        if let Some(left) = left {
                            CountdownClock { left, total_seconds: total }
                        }
                        Pay { order: order.clone(), onchange }
                        AskOnce {
                            first: "Cancel the order",
                            question: "Give the ticket back? Somebody else may take it.",
                            keep: "Keep it",
                            act: "Give it back",
                            request: move |()| client::cancel_order(order.id),
                            onask: move |asked| given_back.set(asked),
                            onchange,
                        }
                    },
                    OrderView::Ending => rsx! {
                        Notice { tone: NoticeTone::Warning,
                            p { "The time to pay is over. Looking how it ended …" }
                        }
                    },
                    OrderView::Paid => rsx! {
                        div { role: "status",
                            Notice { tone: NoticeTone::Good,
                                p {
                                    strong { "Paid. " }
                                    "The ticket is yours, and nobody else’s. Enjoy it."
                                }
                            }
                        }
                        div { class: "actions",
                            Link { to: Route::Orders, class: "button primary", "My tickets" }
                            Link { to: Route::home(), class: "button", "See more tickets" }
                        }
                    },
                    OrderView::Cancelled => rsx! {
                        Ended { order: order.clone(), how: how_it_ended(order.cancel_reason, given_back()) }
                    },
                }
            }
        }
    }
}

fn how_it_ended(reason: Option<CancelReason>, given_back: bool) -> &'static str {
    match (reason, given_back) {
        (Some(CancelReason::Buyer), _) | (None, true) => {
            "You gave the ticket back. Nothing was charged."
        }
        (Some(CancelReason::Expired), _) => {
            "This order expired: it wasn’t paid in time, and the ticket is for sale again. Nothing \
             was charged."
        }
        (Some(CancelReason::PaymentLost), _) => {
            "Your payment was cancelled at the card company before it was taken, so this order is \
             undone and the ticket is for sale again. Nothing was charged."
        }
        // A server that doesn't say.
        (None, false) => "This order was given back, or wasn’t paid in time. Nothing was charged.",
    }
}

#[component]
fn Ended(order: Order, how: &'static str) -> Element {
    rsx! {
        div { role: "status",
            Notice { tone: NoticeTone::Warning, p { "{how}" } }
        }
        div { class: "actions",
            Link { to: Route::Ticket(order.ticket.id), class: "button primary", "See the ticket" }
            Link { to: Route::home(), class: "button", "See other tickets" }
        }
    }
}

/// What is bought.
#[component]
fn Bought(order: Order) -> Element {
    rsx! {
        section { class: "panel bought", "aria-label": "Your ticket",
            StubArt { id: order.ticket.id }
            div { class: "panel-body",
                h2 { class: "bought-title", dir: "auto", "{order.ticket.title}" }
                dl { class: "facts",
                    div {
                        dt { "Price" }
                        dd { class: "price", "{format::money_in(order.ticket.price, &order.ticket.currency)}" }
                    }
                    if matches!(order.status, api::OrderStatus::Created | api::OrderStatus::AwaitingPayment) {
                        div {
                            dt { "Held for you until" }
                            dd { "{format::time_soon(order.expires_at)}" }
                        }
                    }
                    div {
                        dt { "Ordered" }
                        dd {
                            time { datetime: "{order.created_at.to_rfc3339()}",
                                "{format::moment(order.created_at)}"
                            }
                        }
                    }
                    div {
                        dt { "Order" }
                        dd { class: "reference", "{short(order.id)}" }
                    }
                }
            }
        }
    }
}

/// Enough of an id to tell one's orders apart.
fn short(id: Uuid) -> String {
    let text = id.simple().to_string();
    text[text.len() - 8..].to_ascii_uppercase()
}
