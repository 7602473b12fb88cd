//! The workers of the orders service.

pub(crate) mod expiry;

use domain::{policies, ticket_orders::TicketOrders, workers};
use event_streams::{PAYMENTS, TICKETS};
use eventstore::{Log, Store, Worker};
use runtime::reactions::react;

use crate::commands::Commands;

/// Starts all workers.
pub(crate) fn start(log: &Log, commands: &Commands) -> Vec<Worker> {
    let orders: Store<TicketOrders> = commands.orders.clone();
    vec![
        // The order decides whether money may be kept.
        react(
            log,
            PAYMENTS,
            workers::ORDERS_ON_PAYMENTS,
            orders.clone(),
            |_, _, event: &_| policies::orders_on_payments(event),
        ),
        react(
            log,
            TICKETS,
            workers::ORDERS_ON_TICKETS,
            orders,
            policies::orders_on_tickets,
        ),
        expiry::start(log, commands.clone()),
    ]
}
