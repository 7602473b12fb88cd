//! The visitor's orders, for all pages: one of them shows them all, another what became of one, and
//! every page that one runs.

use api::{Order, OrderStatus, Ticket};
use dioxus::prelude::*;
use state::OrderStanding;
use uuid::Uuid;

use super::reads::{self, Read};
use super::session::{SESSION, Session};
use super::tasks::use_task;
use super::{clock, live};
use crate::client;

/// All orders of who is signed in, oldest first; none for nobody.
pub static ORDERS: GlobalSignal<Read<Vec<Order>>> = Signal::global(|| Read::Loading);

/// Counts the reasons to read them anew.
static MOVES: GlobalSignal<u32> = Signal::global(|| 0);

/// Reads them for whoever is signed in, and again whenever something may have been missed.
pub fn use_loaded() {
    let user = use_memo(|| SESSION.read().user_id());
    use_task(move || {
        live::follow_refresh();
        MOVES.read();
        let user = user();
        let is_of_another = |order: &Order| Some(order.user_id) != user;
        if user.is_none()
            || ORDERS
                .peek()
                .ready()
                .is_some_and(|all| all.iter().any(is_of_another))
        {
            let nothing = if user.is_some() || *SESSION.peek() == Session::Unknown {
                Read::Loading
            } else {
                Read::Ready(Vec::new())
            };
            *ORDERS.write() = nothing;
        }
        Box::pin(async move {
            if user.is_none() {
                return;
            }
            let late = |failure| {
                if ORDERS.peek().ready().is_none() {
                    *ORDERS.write() = Read::Failed(failure);
                }
            };
            let now = match reads::patiently(client::orders, late).await {
                Ok(read) => Read::Ready(read),
                Err(failure) => Read::Failed(failure),
            };
            if *ORDERS.peek() != now {
                *ORDERS.write() = now;
            }
        })
    });
}

/// They are read anew.
pub fn reload() {
    *MOVES.write() += 1;
}

/// One of them is new, or has changed.
pub fn put(order: &Order) {
    if Some(order.user_id) != SESSION.peek().user_id() {
        return;
    }
    let mut orders = ORDERS.write();
    let Read::Ready(all) = &mut *orders else {
        return;
    };
    match all.iter_mut().find(|known| known.id == order.id) {
        Some(known) if known.version < order.version => known.clone_from(order),
        Some(_) => {}
        None => all.push(order.clone()),
    }
}

/// A ticket changed: an order of it that isn't over may have changed, too. Only that is read.
pub fn heard(ticket: &Ticket) {
    let orders = ORDERS.peek();
    let open = orders.ready().into_iter().flatten().filter(|order| {
        order.ticket.id == ticket.id
            && matches!(
                order.status,
                OrderStatus::Created | OrderStatus::AwaitingPayment
            )
    });
    for order in open {
        ask(order.id);
    }
}

/// The ticket that is looked at changed. It may be the visitor's by an order that was placed
/// elsewhere, which only the order tells: that one is read, and not all of them.
pub fn looked_at(ticket: &Ticket) {
    let is_sellers = SESSION.peek().user_id() == Some(ticket.user_id);
    let Some(id) = ticket.order_id.filter(|_| !is_sellers) else {
        return;
    };
    if SESSION.peek().user_id().is_none() {
        return;
    }
    let is_known = |all: &Vec<Order>| all.iter().any(|order| order.id == id);
    match ORDERS.peek().ready().map(is_known) {
        Some(true) => {}
        Some(false) => ask(id),
        // They are on their way, perhaps from before it was placed.
        None => reload(),
    }
}

/// Reads one of them, if it is the visitor's.
fn ask(id: Uuid) {
    dioxus::core::spawn_forever(async move {
        if let Ok(order) = client::order(id).await {
            put(&order);
        }
    });
}

/// The order that is to be paid soonest, and how many there are.
pub fn running() -> Option<(Order, usize)> {
    let now = clock::now();
    let orders = ORDERS.read();
    let running = orders.ready()?.iter();
    let running: Vec<&Order> = running
        .filter(|order| OrderStanding::of(order, now) == OrderStanding::Payable)
        .collect();
    let first = running.iter().min_by_key(|order| order.expires_at)?;
    Some(((*first).clone(), running.len()))
}
