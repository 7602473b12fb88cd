//! Which ticket an order belongs to, and which order a payment: one each, forever.

use domain::{
    AnyEvent, OrderId, PaymentId, payment::PaymentEvent, ticket::TicketEvent,
    ticket_orders::TicketOrdersEvent,
};
use eventstore::{Commit, StreamName};
use std::collections::HashMap;
use uuid::Uuid;

type Place = (StreamName, u64);

/// The ticket of each order, and the order of each payment: the first one counts, and every other
/// one is a finding.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// By order: its ticket, where that was first stated, and whether the order was placed.
    tickets: HashMap<OrderId, (Uuid, Place, bool)>,
    /// By payment: its order, and where that was first stated.
    orders: HashMap<PaymentId, (OrderId, Place)>,
}

impl Owners {
    /// Applies an event. `includes` selects the IDs to check.
    pub(super) fn apply(
        &mut self,
        commit: &Commit,
        event: &AnyEvent,
        includes: impl Fn(Uuid) -> bool,
        found: &mut dyn FnMut(String),
    ) {
        let place = (commit.stream, commit.sequence);
        // If it is no UUID, another rule reports it.
        let Ok(aggregate) = Uuid::parse_str(&commit.aggregate_id) else {
            return;
        };
        let (order, ticket, placed) = match event {
            AnyEvent::Orders(event) => {
                if let TicketOrdersEvent::OrderCompleted {
                    order_id,
                    payment_id,
                    ..
                } = event
                    && includes(payment_id.0)
                {
                    self.pays(*payment_id, *order_id, place, found);
                }
                let placed = matches!(event, TicketOrdersEvent::OrderPlaced { .. });
                (event.order_id(), aggregate, placed)
            }
            AnyEvent::Ticket(
                TicketEvent::TicketReserved { order_id, .. }
                | TicketEvent::TicketReleased { order_id, .. }
                | TicketEvent::TicketSold { order_id, .. },
            ) => (Some(*order_id), aggregate, false),
            AnyEvent::Payment(event) => {
                if includes(aggregate) {
                    self.pays(PaymentId(aggregate), order_of(event), place, found);
                }
                match event {
                    PaymentEvent::PaymentBegun {
                        order_id,
                        ticket_id,
                        ..
                    } => (Some(*order_id), ticket_id.0, false),
                    _ => (None, aggregate, false),
                }
            }
            _ => return,
        };
        if let Some(order) = order.filter(|order| includes(order.0)) {
            self.is_of(order, ticket, placed, place, found);
        }
    }

    fn is_of(
        &mut self,
        order: OrderId,
        ticket: Uuid,
        placed: bool,
        place: Place,
        found: &mut dyn FnMut(String),
    ) {
        let known = self.tickets.entry(order).or_insert((ticket, place, false));
        let (other, (stream, sequence), was_placed) = *known;
        if other != ticket {
            found(format!(
                "order {order} is of ticket {ticket} here, and of ticket {other} by \
                 {stream}#{sequence}"
            ));
        } else if placed && was_placed {
            found(format!(
                "order {order} of ticket {ticket} was placed before"
            ));
        } else if placed {
            *known = (ticket, place, true);
        }
    }

    fn pays(
        &mut self,
        payment: PaymentId,
        order: OrderId,
        place: Place,
        found: &mut dyn FnMut(String),
    ) {
        let (other, (stream, sequence)) = *self.orders.entry(payment).or_insert((order, place));
        if other != order {
            found(format!(
                "payment {payment} is for order {order} here, and for order {other} by \
                 {stream}#{sequence}"
            ));
        }
    }
}

fn order_of(event: &PaymentEvent) -> OrderId {
    match event {
        PaymentEvent::PaymentBegun { order_id, .. }
        | PaymentEvent::PaymentReopened { order_id, .. }
        | PaymentEvent::PaymentDeclined { order_id, .. }
        | PaymentEvent::PaymentAuthorized { order_id, .. }
        | PaymentEvent::PaymentCaptured { order_id, .. }
        | PaymentEvent::PaymentVoided { order_id }
        | PaymentEvent::PaymentLost { order_id, .. } => *order_id,
    }
}
