//! From the listing to the sale: how many tickets and orders get how far.

use domain::{AnyEvent, TicketId, ticket::TicketEvent};
use eventstore::{ORDERS, StreamName, TICKETS};
use std::collections::HashMap;

use super::shared::{LiveOrders, OrderChange, columns};
use crate::{Cell, Column, Entry, Fold, Table};

/// How far those got that set out in the range: tickets that were listed in it, and orders that
/// were placed in it, each up to the range's end.
#[derive(Debug, Default)]
pub struct Funnel {
    live: LiveOrders,
    /// The tickets of the range, and how far they got.
    reached: HashMap<TicketId, Stage>,
    tickets: [u64; 4],
    orders: Orders,
}

/// How far a ticket got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Listed,
    Held,
    Paying,
    Sold,
}

#[derive(Clone, Copy, Debug, Default)]
struct Orders {
    placed: Tally,
    paying: Tally,
    paid: Tally,
    expired: Tally,
    cancelled: Tally,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    count: u64,
    cents: u64,
}

impl Tally {
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
            // A stage that was passed without a note counts as reached, or the funnel would widen.
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

    fn apply(&mut self, entry: &Entry<'_>) {
        if let AnyEvent::Ticket(TicketEvent::TicketListed { ticket_id, .. }) = entry.event {
            if entry.in_range {
                self.reached.insert(*ticket_id, Stage::Listed);
                self.tickets[Stage::Listed as usize] += 1;
            }
            return;
        }
        // Orders from before the range don't count, also when they end in it.
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
        let stages = ["listed", "held", "paying", "sold"];
        let tickets = stages.iter().zip(self.tickets).map(|(stage, count)| {
            vec![
                Cell::Text((*stage).to_owned()),
                Cell::Count(count),
                Cell::Share {
                    part: count,
                    of: self.tickets[0],
                },
            ]
        });
        let Orders {
            placed,
            paying,
            paid,
            expired,
            cancelled,
        } = self.orders;
        let over = |of: fn(&Tally) -> u64| of(&paid) + of(&expired) + of(&cancelled);
        let open = Tally {
            count: placed.count - over(|tally| tally.count),
            cents: placed.cents - over(|tally| tally.cents),
        };
        let orders = [
            ("placed", placed),
            ("paying", paying),
            ("paid", paid),
            ("expired", expired),
            ("cancelled", cancelled),
            ("open", open),
        ];
        let orders = orders.into_iter().map(|(stage, tally)| {
            vec![
                Cell::Text(stage.to_owned()),
                Cell::Count(tally.count),
                Cell::Share {
                    part: tally.count,
                    of: placed.count,
                },
                Cell::Money(tally.cents),
            ]
        });
        vec![
            Table {
                name: "funnel_of_tickets",
                doc: "How far the tickets got that were listed in the range.",
                columns: TICKETS_COLUMNS,
                rows: tickets.collect(),
            },
            Table {
                name: "funnel_of_orders",
                doc: "How far the orders got that were placed in the range.",
                columns: ORDERS_COLUMNS,
                rows: orders.collect(),
            },
        ]
    }
}
