//! From the listing to the sale: how far tickets and orders get.

use api::analytics::TicketFunnel;
use domain::{AnyEvent, TicketId, ticket::TicketEvent};
use event_streams::{ORDERS, TICKETS};
use eventstore::StreamName;
use std::collections::HashMap;

use super::shared::{LiveOrders, OrderChange};
use crate::{Cell, Column, Fold, RecordedEvent, Table, columns};

/// How far the tickets that were listed in the range, and the orders that were placed in it, got by
/// the range's end.
#[derive(Debug, Default)]
pub struct Funnel {
    live: LiveOrders,
    /// The tickets of the range, and how far they got.
    reached: HashMap<TicketId, Stage>,
    tickets: [u64; 4],
    orders: OrderFunnel,
}

/// The figures of [`Funnel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunnelFigures {
    /// The tickets that were listed.
    pub tickets: TicketFunnel,
    /// The orders that were placed.
    pub orders: OrderFunnel,
}

/// The stage that a ticket reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Listed,
    Held,
    Paying,
    Sold,
}

/// Numbers of orders by stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderFunnel {
    /// Placed.
    pub placed: OrderTally,
    /// A payment was begun.
    pub paying: OrderTally,
    /// Ended with a payment.
    pub paid: OrderTally,
    /// Expired.
    pub expired: OrderTally,
    /// Cancelled by the buyer.
    pub cancelled: OrderTally,
    /// Not ended yet.
    pub open: OrderTally,
}

/// Orders, and their value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderTally {
    /// Their number.
    pub count: u64,
    /// Their value in cents.
    pub cents: u64,
}

impl OrderTally {
    fn add(&mut self, cents: u64) {
        self.count += 1;
        self.cents += cents;
    }

    fn take_away(&mut self, cents: u64) {
        self.count -= 1;
        self.cents -= cents;
    }
}

const TICKETS_COLUMNS: &[Column] = columns![
    "stage": "listed; held: ordered at least once; paying: a payment was begun; sold",
    "tickets": "how many tickets got there",
    "share": "their share of those that were listed",
];
const ORDERS_COLUMNS: &[Column] = columns![
    "stage": "placed; paying: a payment was begun; then how it ended: paid, expired, cancelled by the buyer, or open",
    "orders": "how many orders got there",
    "share": "their share of those that were placed",
    "value": "what those orders are worth",
];

impl Funnel {
    fn reach(&mut self, ticket: TicketId, stage: Stage) {
        let Some(reached) = self.reached.get_mut(&ticket) else {
            return;
        };
        if stage > *reached {
            // A stage that left no event counts as reached, or the funnel would widen.
            for passed in *reached as usize + 1..=stage as usize {
                self.tickets[passed] += 1;
            }
            *reached = stage;
        }
    }
}

impl Fold for Funnel {
    fn streams(&self) -> &'static [StreamName] {
        &[TICKETS, ORDERS]
    }

    fn apply(&mut self, entry: &RecordedEvent<'_>) {
        if let AnyEvent::Ticket(TicketEvent::TicketListed { ticket_id, .. }) = entry.event {
            if entry.in_range {
                self.reached.insert(*ticket_id, Stage::Listed);
                self.tickets[Stage::Listed as usize] += 1;
            }
            return;
        }
        // Orders from before the range don't count, even when they end in it.
        if !entry.in_range {
            return;
        }
        let Some((order, change)) = self.live.apply(entry) else {
            return;
        };
        let tally = match change {
            OrderChange::Placed => &mut self.orders.placed,
            OrderChange::Paying => &mut self.orders.paying,
            OrderChange::Paid => &mut self.orders.paid,
            OrderChange::Expired => &mut self.orders.expired,
            OrderChange::Cancelled | OrderChange::Undone => &mut self.orders.cancelled,
        };
        tally.add(order.price);
        match change {
            OrderChange::Placed => self.reach(order.ticket, Stage::Held),
            OrderChange::Paying => self.reach(order.ticket, Stage::Paying),
            OrderChange::Paid => self.reach(order.ticket, Stage::Sold),
            OrderChange::Expired | OrderChange::Cancelled => {}
            OrderChange::Undone => {
                self.orders.paid.take_away(order.price);
                if let Some(reached) = self.reached.get_mut(&order.ticket)
                    && *reached == Stage::Sold
                {
                    *reached = Stage::Paying;
                    self.tickets[Stage::Sold as usize] -= 1;
                }
            }
        }
    }

    fn tables(&mut self) -> Vec<Table> {
        self.figures().tables()
    }
}

impl Funnel {
    /// Returns the figures of the events so far.
    pub fn figures(&mut self) -> FunnelFigures {
        let [listed, held, paying, sold] = self.tickets;
        let mut orders = self.orders;
        orders.open = orders.placed;
        for ended in [orders.paid, orders.expired, orders.cancelled] {
            orders.open.count -= ended.count;
            orders.open.cents -= ended.cents;
        }
        FunnelFigures {
            tickets: TicketFunnel {
                listed,
                held,
                paying,
                sold,
            },
            orders,
        }
    }
}

impl OrderFunnel {
    /// The stages by name, in order.
    pub fn stages(&self) -> [(&'static str, OrderTally); 6] {
        [
            ("placed", self.placed),
            ("paying", self.paying),
            ("paid", self.paid),
            ("expired", self.expired),
            ("cancelled", self.cancelled),
            ("open", self.open),
        ]
    }
}

impl FunnelFigures {
    pub(super) fn tables(&self) -> Vec<Table> {
        let TicketFunnel {
            listed,
            held,
            paying,
            sold,
        } = self.tickets;
        let tickets = [
            ("listed", listed),
            ("held", held),
            ("paying", paying),
            ("sold", sold),
        ];
        let tickets = tickets.map(|(stage, count)| {
            vec![
                Cell::Text(stage.to_owned()),
                Cell::Count(count),
                Cell::share(count, listed),
            ]
        });
        let placed = self.orders.placed.count;
        let orders = self.orders.stages().map(|(stage, tally)| {
            vec![
                Cell::Text(stage.to_owned()),
                Cell::Count(tally.count),
                Cell::share(tally.count, placed),
                Cell::Money(tally.cents),
            ]
        });
        vec![
            Table::new(
                "funnel_of_tickets",
                "How far the tickets got that were listed in the range.",
                TICKETS_COLUMNS,
                tickets,
            ),
            Table::new(
                "funnel_of_orders",
                "How far the orders got that were placed in the range.",
                ORDERS_COLUMNS,
                orders,
            ),
        ]
    }
}
