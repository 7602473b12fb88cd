//! From the listing to the sale: how far tickets and orders get.

use api::analytics::{OrderFunnel, OrderTally, TicketFunnel};
use domain::{AnyEvent, TicketId, ticket::TicketEvent};
use event_streams::{ORDERS, TICKETS};
use eventstore::StreamName;
use std::collections::HashMap;

use super::{
    Figures,
    shared::{LiveOrders, OrderChange},
};
use crate::{Cell, Fold, RecordedEvent, Table, table::table};

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
        tally.orders += 1;
        tally.value.cents += order.price.cents;
        match change {
            OrderChange::Placed => self.reach(order.ticket, Stage::Held),
            OrderChange::Paying => self.reach(order.ticket, Stage::Paying),
            OrderChange::Paid => self.reach(order.ticket, Stage::Sold),
            OrderChange::Expired | OrderChange::Cancelled => {}
            OrderChange::Undone => {
                self.orders.paid.orders -= 1;
                self.orders.paid.value.cents -= order.price.cents;
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
            orders.open.orders -= ended.orders;
            orders.open.value.cents -= ended.value.cents;
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

/// The stages of orders by name, in order.
pub fn order_stages(orders: &OrderFunnel) -> [(&'static str, OrderTally); 6] {
    [
        ("placed", orders.placed),
        ("paying", orders.paying),
        ("paid", orders.paid),
        ("expired", orders.expired),
        ("cancelled", orders.cancelled),
        ("open", orders.open),
    ]
}

impl Figures for FunnelFigures {
    fn tables(&self) -> Vec<Table> {
        let tickets = [
            ("listed", self.tickets.listed),
            ("held", self.tickets.held),
            ("paying", self.tickets.paying),
            ("sold", self.tickets.sold),
        ];
        let (listed, placed) = (self.tickets.listed, self.orders.placed.orders);
        vec![
            table!("funnel_of_tickets", "How far the tickets got that were listed in the range.", tickets, |(stage, count)| {
                "stage": "listed; held: ordered at least once; paying: a payment was begun; sold" => Cell::Text(stage.to_owned()),
                "tickets": "how many tickets got there" => Cell::Count(count),
                "share": "their share of those that were listed" => Cell::share(count, listed),
            }),
            table!("funnel_of_orders", "How far the orders got that were placed in the range.", order_stages(&self.orders), |(stage, tally)| {
                "stage": "placed; paying: a payment was begun; then how it ended: paid, expired, cancelled by the buyer, or open" => Cell::Text(stage.to_owned()),
                "orders": "how many orders got there" => Cell::Count(tally.orders),
                "share": "their share of those that were placed" => Cell::share(tally.orders, placed),
                "value": "what those orders are worth" => Cell::money(tally.value),
            }),
        ]
    }
}
