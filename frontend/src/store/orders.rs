//! The visitor's orders, for all pages: one of them shows them all, another what became of one, and
//! every page that one runs.

use api::{Order, OrderStatus, Ticket, TicketStatus};
use dioxus::prelude::*;
use dioxus::signals::ReadableRef;
use state::{Backoff, OrderView, has_ended};
use uuid::Uuid;

use super::reads::{Read, read_into};
use super::requests::Api;
use super::session::Session;
use super::tasks::{Task, use_task};
use crate::browser::time;
use crate::client::{self, ApiResult};

/// How often an order is read that has ended and isn't shown as such.
const TRIES: u32 = 5;

/// All orders of the user who is signed in, oldest first; none for nobody.
#[derive(Clone, Copy)]
pub struct OrderStore {
    all: Signal<Read<Vec<Order>>>,
    /// Counts the reasons to read them anew.
    reloads: Signal<u32>,
    api: Api,
}

impl OrderStore {
    /// Not read yet.
    pub fn new(api: Api) -> Self {
        Self {
            all: Signal::new(Read::Loading),
            reloads: Signal::new(0),
            api,
        }
    }

    /// Returns them, and follows them.
    pub fn read(&self) -> ReadableRef<'_, Signal<Read<Vec<Order>>>> {
        self.all.read()
    }

    /// Reads them for the user who is signed in, and again whenever something may have been missed.
    pub fn use_loaded(mut self) {
        let session = self.api.session;
        let user = session.read().user_id();
        let start = move |(user,)| -> Task {
            self.api.refresh.follow();
            self.reloads.read();
            let is_of_another = |order: &Order| Some(order.user_id) != user;
            let known = self.all.peek().ready().cloned();
            if user.is_none() || known.is_some_and(|all| all.iter().any(is_of_another)) {
                self.all.set(
                    if user.is_some() || session.peek().session == Session::Unknown {
                        Read::Loading
                    } else {
                        Read::Ready(Vec::new())
                    },
                );
            }
            Box::pin(async move {
                if user.is_some() {
                    read_into(self.api, self.all, || self.read_all()).await;
                }
            })
        };
        use_task(use_reactive((&user,), start));
    }

    async fn read_all(self) -> ApiResult<Vec<Order>> {
        let mut all = Vec::new();
        let mut cursor = None;
        loop {
            let page = self.api.call(client::orders(cursor.as_deref())).await?;
            all.extend(page.content);
            cursor = page.next;
            if cursor.is_none() {
                return Ok(all);
            }
        }
    }

    /// Reads them anew.
    pub fn reload(mut self) {
        *self.reloads.write() += 1;
    }

    /// One of them is new, or has changed.
    pub fn put(mut self, order: &Order) {
        if Some(order.user_id) != self.api.session.peek().user_id() {
            return;
        }
        let mut orders = self.all.write();
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
    pub fn on_ticket(self, ticket: &Ticket) {
        let orders = self.all.peek();
        let all = orders.ready().into_iter().flatten();
        for order in all.filter(|order| order.ticket.id == ticket.id && is_open(order)) {
            self.reload_one(order.id, has_ended(order, ticket));
        }
    }

    /// The ticket that is shown changed. It may be the visitor's by an order that was placed
    /// elsewhere, which only the order tells: that one is read, and not all of them.
    pub fn on_shown_ticket(self, ticket: &Ticket) {
        let user = self.api.session.peek().user_id();
        let Some(id) = ticket.order_id else { return };
        if user.is_none() || user == Some(ticket.user_id) {
            return;
        }
        let is_known = |all: &Vec<Order>| all.iter().any(|order| order.id == id);
        let known = self.all.peek().ready().map(is_known);
        match known {
            Some(true) => {}
            Some(false) => self.reload_one(id, ticket.status == TicketStatus::Sold),
            // They are on their way, perhaps from before it was placed.
            None => self.reload(),
        }
    }

    /// Reads one of them, if it is the visitor's.
    fn reload_one(self, id: Uuid, has_ended: bool) {
        dioxus::core::spawn_forever(async move {
            if let Ok(order) = self.read_one(id, has_ended).await {
                self.put(&order);
            }
        });
    }

    /// Reads an order. If its ticket shows that it has ended, it is read again until it has.
    pub async fn read_one(self, id: Uuid, has_ended: bool) -> ApiResult<Order> {
        let mut backoff = Backoff::default();
        let mut tries = 0;
        loop {
            let order = self.api.call(client::order(id)).await?;
            tries += 1;
            if !has_ended || !is_open(&order) || tries == TRIES {
                return Ok(order);
            }
            time::sleep(backoff.next_ms()).await;
        }
    }

    /// Returns the order that is to be paid soonest, and how many there are, and follows them.
    pub fn running(self) -> Option<(Order, usize)> {
        let now = self.api.clock.now();
        let orders = self.all.read();
        let running = orders.ready()?.iter();
        let running: Vec<&Order> = running
            .filter(|order| OrderView::of(order, now) == OrderView::Payable)
            .collect();
        let first = running.iter().min_by_key(|order| order.expires_at)?;
        Some(((*first).clone(), running.len()))
    }
}

/// Returns whether an order hasn't ended.
fn is_open(order: &Order) -> bool {
    matches!(
        order.status,
        OrderStatus::Created | OrderStatus::AwaitingPayment
    )
}
