//! Reactions: which command on which aggregate follows from an event.
//!
//! Each function is one worker's rule. Services apply it to the log, and the simulator in memory:
//! both result in the same commands with the same IDs.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{
    ExpireOrder, OrderId, PaymentId, SettlePayment, TicketId,
    payment::PaymentEvent,
    ticket::{OrderDecision, TicketCommand, TicketEvent},
    ticket_orders::{TicketOrdersCommand, TicketOrdersEvent},
};

/// How long after its order's end an unfinished payment is checked.
pub const SETTLEMENT_GRACE: TimeDelta = TimeDelta::seconds(5);
/// The key of the reaction that settles a payment.
pub const SETTLE: &str = "settle";

/// A command that follows from an event.
#[derive(Clone, Debug)]
pub struct Reaction<C> {
    /// The aggregate that decides it.
    pub aggregate_id: Uuid,
    /// Distinguishes the command from others that the same worker derives from the same commit; its
    /// ID derives from both.
    pub key: String,
    /// The command.
    pub command: C,
}

/// A command that falls due later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline<C> {
    /// The ID of the order; it has at most one deadline of a kind.
    pub id: Uuid,
    /// When it is due.
    pub at: DateTime<Utc>,
    /// The command.
    pub command: C,
}

/// A ticket follows its orders: held, free again, sold. The orders' aggregate has the ticket's id.
pub fn tickets_on_orders(
    ticket: Uuid,
    orders_version: u64,
    event: &TicketOrdersEvent,
) -> Option<Reaction<TicketCommand>> {
    let decision = match event {
        TicketOrdersEvent::OrderPlaced { order_id, .. } => OrderDecision::Placed(*order_id),
        TicketOrdersEvent::OrderCancelled { order_id, .. } => OrderDecision::Cancelled(*order_id),
        TicketOrdersEvent::OrderCompleted { order_id, .. } => OrderDecision::Completed(*order_id),
        TicketOrdersEvent::SaleClosed { .. } => OrderDecision::Closed,
        TicketOrdersEvent::OrderAwaitingPayment { .. }
        | TicketOrdersEvent::PaymentRefused { .. } => return None,
    };
    Some(Reaction {
        aggregate_id: ticket,
        key: orders_version.to_string(),
        command: TicketCommand::Follow {
            decision,
            orders_version,
        },
    })
}

/// A sale ends when the seller withdraws the ticket, unless an order comes first.
pub fn orders_on_tickets(
    ticket: Uuid,
    version: u64,
    event: &TicketEvent,
) -> Option<Reaction<TicketOrdersCommand>> {
    let TicketEvent::WithdrawalRequested { orders_seen } = event else {
        return None;
    };
    Some(Reaction {
        aggregate_id: ticket,
        key: version.to_string(),
        command: TicketOrdersCommand::Close {
            ticket_id: TicketId(ticket),
            orders_seen: *orders_seen,
        },
    })
}

/// An order awaits its payment when one is begun. When the money is held, the order completes, or
/// refuses the payment. If that money is lost before it is captured, the sale is undone.
pub fn orders_on_payments(event: &PaymentEvent) -> Option<Reaction<TicketOrdersCommand>> {
    let (key, ticket_id, command) = match *event {
        PaymentEvent::PaymentBegun {
            order_id,
            ticket_id,
            payment_id,
            ..
        } => {
            let command = TicketOrdersCommand::AwaitPayment {
                order_id,
                payment_id,
            };
            ("await", ticket_id, command)
        }
        PaymentEvent::PaymentAuthorized {
            order_id,
            ticket_id,
        } => {
            let command = TicketOrdersCommand::Complete {
                order_id,
                payment_id: PaymentId::of(order_id),
            };
            ("complete", ticket_id, command)
        }
        PaymentEvent::PaymentLost {
            order_id,
            ticket_id,
            ..
        } => {
            let command = TicketOrdersCommand::LosePayment { order_id };
            ("lose", ticket_id, command)
        }
        PaymentEvent::PaymentReopened { .. }
        | PaymentEvent::PaymentDeclined { .. }
        | PaymentEvent::PaymentCaptured { .. }
        | PaymentEvent::PaymentVoided { .. } => return None,
    };
    Some(Reaction {
        aggregate_id: ticket_id.0,
        key: key.to_owned(),
        command,
    })
}

/// The order whose payment must be settled, since the order was decided: its money is captured or
/// voided.
pub fn payments_on_orders(event: &TicketOrdersEvent) -> Option<OrderId> {
    match event {
        TicketOrdersEvent::OrderCompleted { order_id, .. }
        | TicketOrdersEvent::OrderCancelled { order_id, .. }
        | TicketOrdersEvent::PaymentRefused { order_id, .. } => Some(*order_id),
        TicketOrdersEvent::OrderPlaced { .. }
        | TicketOrdersEvent::OrderAwaitingPayment { .. }
        | TicketOrdersEvent::SaleClosed { .. } => None,
    }
}

/// A placed order expires. An order that was paid or cancelled in the meantime ignores the command,
/// so nothing is ever unscheduled.
pub fn expiration_on_orders(event: &TicketOrdersEvent) -> Option<Deadline<ExpireOrder>> {
    let TicketOrdersEvent::OrderPlaced {
        order_id,
        ticket,
        expires_at,
        ..
    } = event
    else {
        return None;
    };
    Some(Deadline {
        id: order_id.0,
        at: *expires_at,
        command: ExpireOrder {
            order_id: *order_id,
            ticket_id: ticket.id,
        },
    })
}

/// A payment that was begun is checked after its order's end, even if the process that began it
/// crashed. This closes the one gap that events leave: a card authorized by a process that ended
/// before it could record that, for an order that was cancelled before the payment was begun.
pub fn payments_on_payments(event: &PaymentEvent) -> Option<Deadline<SettlePayment>> {
    let PaymentEvent::PaymentBegun {
        payment_id,
        order_id,
        expires_at,
        ..
    } = event
    else {
        return None;
    };
    Some(Deadline {
        id: payment_id.0,
        at: *expires_at + SETTLEMENT_GRACE,
        command: SettlePayment {
            order_id: *order_id,
        },
    })
}
