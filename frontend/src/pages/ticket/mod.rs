//! One ticket.

mod buy;

use api::{Order, Ticket, TicketStatus};
use dioxus::prelude::*;
use state::{Route, TicketView};
use uuid::Uuid;

use buy::{Buy, Purchase, use_purchase};

use crate::browser::format;
use crate::client::{self, Failure};
use crate::components::{
    AskOnce, Badge, FailureNotice, Icon, Link, Notice, NoticeTone, PageHead, PageSkeleton, Shape,
    StubArt, ticket_badge, use_title,
};
use crate::store::reads::Read;
use crate::store::ticket::use_ticket;
use crate::store::use_store;

/// One ticket: what it is, what it costs, and what one can do about it.
#[component]
pub fn TicketPage(id: Uuid) -> Element {
    let store = use_store();
    let on_change = move |ticket: &Ticket| store.orders.on_shown_ticket(ticket);
    let mut ticket = use_ticket(store.api, store.ticket_events, id, on_change);
    // Of the page, and not of the button: the ticket is often seen as held before the order's own
    // answer is here, and the button is gone then.
    let look_again = use_callback(move |()| {
        spawn(async move {
            if let Ok(fresh) = store.api.call(client::ticket(id)).await {
                ticket.set(Read::Ready(fresh));
            }
            store.orders.reload();
        });
    });
    let purchase = use_purchase(move |()| look_again.call(()));
    match &*ticket.read() {
        Read::Loading => rsx! { Loading {} },
        Read::Failed(failure) => rsx! { Gone { failure: failure.clone() } },
        Read::Ready(shown) => {
            let mine = store.orders.read().ready().cloned().unwrap_or_default();
            rsx! {
                Details { ticket: shown.clone(), orders: mine, purchase, onchange: look_again }
            }
        }
    }
}

#[component]
fn Loading() -> Element {
    use_title("Ticket");
    rsx! { PageSkeleton {} }
}

#[component]
fn Gone(failure: Failure) -> Element {
    if matches!(failure.refused(), Some(400 | 404)) {
        rsx! {
            div { class: "empty",
                PageHead { title: "No such ticket", lead: "It may have been mistyped, or be gone." }
                Link { to: Route::home(), class: "button primary", "See all tickets" }
            }
        }
    } else {
        rsx! {
            PageHead { title: "Ticket" }
            FailureNotice { failure }
        }
    }
}

#[component]
fn Details(
    ticket: Ticket,
    orders: Vec<Order>,
    purchase: Purchase,
    onchange: EventHandler<()>,
) -> Element {
    let store = use_store();
    let visitor = store.api.session.read().user_id();
    let view = TicketView::of(&ticket, visitor, &orders);
    rsx! {
        Link { to: store.list.last(), class: "back", back: true,
            Icon { shape: Shape::Back }
            "All tickets"
        }
        article { class: "panel ticket-panel",
            StubArt { id: ticket.id }
            div { class: "panel-body",
                PageHead { title: ticket.title.clone(), is_theirs: true, Badge { of: ticket_badge(ticket.status) } }
                p { class: "big-price", "{format::money(ticket.price)}" }
                Actions { ticket, view, purchase, onchange }
            }
        }
    }
}

#[component]
fn Actions(
    ticket: Ticket,
    view: TicketView,
    purchase: Purchase,
    onchange: EventHandler<()>,
) -> Element {
    if *purchase.busy.read() || view == TicketView::ForSale {
        return rsx! { Buy { ticket, purchase } };
    }
    let (tone, words, action) = match view {
        TicketView::ForSale => return rsx! {},
        TicketView::Own => (
            NoticeTone::Info,
            "This is your own ticket. It is for sale.",
            Some((Route::EditTicket(ticket.id), "Edit")),
        ),
        TicketView::OwnHeld => (
            NoticeTone::Info,
            "This is your own ticket. A buyer holds it and is about to pay; until then it can’t \
             be changed.",
            Some((Route::MyTickets, "What you sell")),
        ),
        TicketView::OwnSold => (
            NoticeTone::Good,
            "This was your ticket. It is sold.",
            Some((Route::MyTickets, "What you sell")),
        ),
        TicketView::HeldByYou(order) => (
            NoticeTone::Good,
            "You hold this ticket. Pay before the time is over.",
            Some((Route::Order(order), "Go to your order")),
        ),
        TicketView::BoughtByYou(order) => (
            NoticeTone::Good,
            "This ticket is yours.",
            Some((Route::Order(order), "See your order")),
        ),
        TicketView::Held => (
            NoticeTone::Warning,
            "Somebody else holds this ticket right now. If it isn’t paid in time, it is for sale \
             again: this page will show it.",
            None,
        ),
        TicketView::Sold => (NoticeTone::Info, "This ticket is sold.", None),
        TicketView::OwnWithdrawn => (
            NoticeTone::Info,
            "You withdrew this ticket: nobody can buy it.",
            Some((Route::MyTickets, "What you sell")),
        ),
        TicketView::Withdrawn => (
            NoticeTone::Info,
            "The seller withdrew this ticket: it is no longer for sale.",
            None,
        ),
    };
    rsx! {
        Notice { tone, p { "{words}" } }
        div { class: "actions",
            if let Some((to, words)) = action {
                Link { to, class: "button primary", "{words}" }
            } else {
                Link { to: Route::home(), class: "button", "See other tickets" }
            }
        }
        if view == TicketView::Own && ticket.status == TicketStatus::Open {
            AskOnce {
                first: "Withdraw the ticket",
                question: "Take the ticket off the market? Nobody can buy it then, and it can’t be undone.",
                keep: "Keep it for sale",
                act: "Withdraw it",
                request: move |()| client::withdraw_ticket(ticket.id),
                onchange,
            }
        }
    }
}
