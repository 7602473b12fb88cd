//! The tables: one an event type, each with what every event has and what its own fields are.

use domain::{
    AnyEvent,
    payment::PaymentEvent,
    ticket::TicketEvent,
    ticket_orders::{CancelReason, TicketOrdersEvent},
    user::UserEvent,
};
use eventstore::{Commit, ORDERS, PAYMENTS, StreamName, TICKETS, USERS};

use crate::cells::{Cells, Kind};

/// A table of an export.
#[derive(Debug)]
pub struct TableSpec {
    /// Its name, and that of its folder.
    pub name: &'static str,
    /// The type of its events.
    pub event_type: &'static str,
    /// The stream that they are in.
    pub stream: StreamName,
    own: &'static [ColumnSpec],
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ColumnSpec {
    pub name: &'static str,
    pub kind: Kind,
    /// Whether a row may have nothing there.
    pub optional: bool,
}

const fn column(name: &'static str, kind: Kind) -> ColumnSpec {
    let optional = false;
    ColumnSpec {
        name,
        kind,
        optional,
    }
}

const fn optional(name: &'static str, kind: Kind) -> ColumnSpec {
    let optional = true;
    ColumnSpec {
        name,
        kind,
        optional,
    }
}

/// What every event has.
const COMMON: &[ColumnSpec] = &[
    column("sequence", Kind::Count),
    column("version", Kind::Count),
    column("time", Kind::Time),
    column("stored_at", Kind::Time),
    column("aggregate_id", Kind::Text),
    column("actor", Kind::Text),
    column("commit_id", Kind::Text),
    column("command_id", Kind::Text),
    column("correlation_id", Kind::Text),
    optional("causation_id", Kind::Text),
    optional("trace_parent", Kind::Text),
];

macro_rules! tables {
    ($($name:literal $event:literal $stream:ident: $($column:expr),* ;)*) => {
        /// Every table.
        pub const TABLES: &[TableSpec] = &[$(TableSpec {
            name: $name,
            event_type: $event,
            stream: $stream,
            own: &[$($column),*],
        }),*];
    };
}

// Their order is that of `number_of`. What is secret (the password's hash) is no column.
tables! {
    "user_registered" "UserRegistered" USERS:
        column("user_id", Kind::Text), column("email", Kind::Text),
        column("registered_at", Kind::Time);
    "ticket_listed" "TicketListed" TICKETS:
        column("ticket_id", Kind::Text), column("seller_id", Kind::Text),
        column("title", Kind::Text), column("price", Kind::Money);
    "ticket_revised" "TicketRevised" TICKETS:
        column("title", Kind::Text), column("price", Kind::Money);
    "ticket_reserved" "TicketReserved" TICKETS:
        column("order_id", Kind::Text), column("orders_version", Kind::Count);
    "ticket_released" "TicketReleased" TICKETS:
        column("order_id", Kind::Text), column("orders_version", Kind::Count);
    "ticket_sold" "TicketSold" TICKETS:
        column("order_id", Kind::Text), column("orders_version", Kind::Count);
    "order_placed" "OrderPlaced" ORDERS:
        column("order_id", Kind::Text), column("buyer_id", Kind::Text),
        column("ticket_id", Kind::Text), column("ticket_title", Kind::Text),
        column("ticket_price", Kind::Money), column("ticket_currency", Kind::Text),
        column("ticket_version", Kind::Count),
        column("placed_at", Kind::Time), column("expires_at", Kind::Time);
    "order_awaiting_payment" "OrderAwaitingPayment" ORDERS:
        column("order_id", Kind::Text), column("payment_id", Kind::Text),
        column("order_version", Kind::Count);
    "order_completed" "OrderCompleted" ORDERS:
        column("order_id", Kind::Text), column("payment_id", Kind::Text),
        column("order_version", Kind::Count);
    "order_cancelled" "OrderCancelled" ORDERS:
        column("order_id", Kind::Text), column("reason", Kind::Text),
        column("order_version", Kind::Count);
    "payment_refused" "PaymentRefused" ORDERS:
        column("order_id", Kind::Text), column("payment_id", Kind::Text);
    "payment_begun" "PaymentBegun" PAYMENTS:
        column("payment_id", Kind::Text), column("order_id", Kind::Text),
        column("ticket_id", Kind::Text), column("buyer_id", Kind::Text),
        column("amount", Kind::Money), column("currency", Kind::Text),
        column("provider", Kind::Text),
        column("reference", Kind::Text), column("expires_at", Kind::Time),
        column("begun_at", Kind::Time);
    "payment_declined" "PaymentDeclined" PAYMENTS:
        column("order_id", Kind::Text), column("reason", Kind::Text),
        optional("declined_at", Kind::Time);
    "payment_authorized" "PaymentAuthorized" PAYMENTS:
        column("order_id", Kind::Text), column("ticket_id", Kind::Text);
    "payment_captured" "PaymentCaptured" PAYMENTS:
        column("order_id", Kind::Text), column("amount", Kind::Money);
    "payment_voided" "PaymentVoided" PAYMENTS:
        column("order_id", Kind::Text);
    "role_granted" "RoleGranted" USERS:
        column("role", Kind::Text), column("granted_at", Kind::Time);
    "role_revoked" "RoleRevoked" USERS:
        column("role", Kind::Text), column("revoked_at", Kind::Time);
    "payment_reopened" "PaymentReopened" PAYMENTS:
        column("order_id", Kind::Text), column("reference", Kind::Text),
        column("attempt", Kind::Count), column("reopened_at", Kind::Time);
    "payment_lost" "PaymentLost" PAYMENTS:
        column("order_id", Kind::Text), column("ticket_id", Kind::Text),
        column("amount", Kind::Money);
    "withdrawal_requested" "WithdrawalRequested" TICKETS:
        column("orders_seen", Kind::Count);
    "ticket_withdrawn" "TicketWithdrawn" TICKETS:
        column("orders_version", Kind::Count);
    "sale_closed" "SaleClosed" ORDERS:
        column("ticket_id", Kind::Text);
}

impl TableSpec {
    /// All its columns.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &'static ColumnSpec> + use<> {
        COMMON.iter().chain(self.own)
    }
}

/// The table of an event, as an index into [`TABLES`].
pub(crate) fn number_of(event: &AnyEvent) -> usize {
    match event {
        AnyEvent::User(event) => match event {
            UserEvent::UserRegistered { .. } => 0,
            UserEvent::RoleGranted { .. } => 16,
            UserEvent::RoleRevoked { .. } => 17,
        },
        AnyEvent::Ticket(event) => match event {
            TicketEvent::TicketListed { .. } => 1,
            TicketEvent::TicketRevised { .. } => 2,
            TicketEvent::TicketReserved { .. } => 3,
            TicketEvent::TicketReleased { .. } => 4,
            TicketEvent::TicketSold { .. } => 5,
            TicketEvent::WithdrawalRequested { .. } => 20,
            TicketEvent::TicketWithdrawn { .. } => 21,
        },
        AnyEvent::Orders(event) => match event {
            TicketOrdersEvent::OrderPlaced { .. } => 6,
            TicketOrdersEvent::OrderAwaitingPayment { .. } => 7,
            TicketOrdersEvent::OrderCompleted { .. } => 8,
            TicketOrdersEvent::OrderCancelled { .. } => 9,
            TicketOrdersEvent::PaymentRefused { .. } => 10,
            TicketOrdersEvent::SaleClosed { .. } => 22,
        },
        AnyEvent::Payment(event) => match event {
            PaymentEvent::PaymentBegun { .. } => 11,
            PaymentEvent::PaymentDeclined { .. } => 12,
            PaymentEvent::PaymentAuthorized { .. } => 13,
            PaymentEvent::PaymentCaptured { .. } => 14,
            PaymentEvent::PaymentVoided { .. } => 15,
            PaymentEvent::PaymentReopened { .. } => 18,
            PaymentEvent::PaymentLost { .. } => 19,
        },
    }
}

/// Writes an event as a row of its table.
pub(crate) fn flatten(commit: &Commit, version: u64, event: &AnyEvent, row: &mut impl Cells) {
    let metadata = &commit.metadata;
    row.count(commit.sequence);
    row.count(version);
    row.time(Some(metadata.time));
    row.time(Some(commit.stored_at));
    row.text(Some(&commit.aggregate_id));
    row.text(Some(&metadata.actor));
    row.id(commit.commit_id);
    row.id(metadata.command_id);
    row.text(Some(&metadata.correlation_id));
    match metadata.causation_id {
        Some(cause) => row.id(cause),
        None => row.text(None),
    }
    row.text(metadata.trace_parent.as_deref());
    match event {
        AnyEvent::User(event) => user(event, row),
        AnyEvent::Ticket(event) => ticket(event, row),
        AnyEvent::Orders(event) => orders(event, row),
        AnyEvent::Payment(event) => payment(event, row),
    }
}

fn user(event: &UserEvent, row: &mut impl Cells) {
    match event {
        UserEvent::UserRegistered {
            user_id,
            email,
            password_hash: _,
            registered_at,
        } => {
            row.id(user_id.0);
            row.text(Some(email.as_str()));
            row.time(Some(*registered_at));
        }
        UserEvent::RoleGranted { role, granted_at } => {
            row.text(Some(role.name()));
            row.time(Some(*granted_at));
        }
        UserEvent::RoleRevoked { role, revoked_at } => {
            row.text(Some(role.name()));
            row.time(Some(*revoked_at));
        }
    }
}

fn ticket(event: &TicketEvent, row: &mut impl Cells) {
    match event {
        TicketEvent::TicketListed {
            ticket_id,
            seller,
            title,
            price,
            ..
        } => {
            row.id(ticket_id.0);
            row.id(seller.0);
            row.text(Some(title.as_str()));
            row.money(price.cents());
        }
        TicketEvent::TicketRevised { title, price, .. } => {
            row.text(Some(title.as_str()));
            row.money(price.cents());
        }
        TicketEvent::TicketReserved {
            order_id,
            orders_version,
            ..
        }
        | TicketEvent::TicketReleased {
            order_id,
            orders_version,
            ..
        }
        | TicketEvent::TicketSold {
            order_id,
            orders_version,
            ..
        } => {
            row.id(order_id.0);
            row.count(*orders_version);
        }
        TicketEvent::WithdrawalRequested { orders_seen, .. } => row.count(*orders_seen),
        TicketEvent::TicketWithdrawn { orders_version, .. } => row.count(*orders_version),
    }
}

fn orders(event: &TicketOrdersEvent, row: &mut impl Cells) {
    if let Some(order) = event.order_id() {
        row.id(order.0);
    }
    match event {
        TicketOrdersEvent::OrderPlaced {
            order_id: _,
            buyer,
            ticket,
            placed_at,
            expires_at,
            ..
        } => {
            row.id(buyer.0);
            row.id(ticket.id.0);
            row.text(Some(ticket.title.as_str()));
            row.money(ticket.price.cents());
            row.text(Some(ticket.currency.as_str()));
            row.count(ticket.version);
            row.time(Some(*placed_at));
            row.time(Some(*expires_at));
        }
        TicketOrdersEvent::OrderAwaitingPayment {
            payment_id,
            version,
            ..
        }
        | TicketOrdersEvent::OrderCompleted {
            payment_id,
            version,
            ..
        } => {
            row.id(payment_id.0);
            row.count(*version);
        }
        TicketOrdersEvent::OrderCancelled {
            reason, version, ..
        } => {
            row.text(Some(match reason {
                CancelReason::Buyer => "buyer",
                CancelReason::Expired => "expired",
                CancelReason::PaymentLost => "payment_lost",
            }));
            row.count(*version);
        }
        TicketOrdersEvent::PaymentRefused { payment_id, .. } => row.id(payment_id.0),
        TicketOrdersEvent::SaleClosed { ticket_id, .. } => row.id(ticket_id.0),
    }
}

fn payment(event: &PaymentEvent, row: &mut impl Cells) {
    match event {
        PaymentEvent::PaymentBegun {
            payment_id,
            order_id,
            ticket_id,
            buyer,
            amount,
            currency,
            provider,
            reference,
            expires_at,
            begun_at,
            ..
        } => {
            row.id(payment_id.0);
            row.id(order_id.0);
            row.id(ticket_id.0);
            row.id(buyer.0);
            row.money(amount.cents());
            row.text(Some(currency.as_str()));
            row.text(Some(provider));
            row.text(Some(reference));
            row.time(Some(*expires_at));
            row.time(Some(*begun_at));
        }
        PaymentEvent::PaymentDeclined {
            order_id,
            reason,
            declined_at,
            ..
        } => {
            row.id(order_id.0);
            row.text(Some(reason));
            row.time(*declined_at);
        }
        PaymentEvent::PaymentAuthorized {
            order_id,
            ticket_id,
            ..
        } => {
            row.id(order_id.0);
            row.id(ticket_id.0);
        }
        PaymentEvent::PaymentCaptured {
            order_id, amount, ..
        } => {
            row.id(order_id.0);
            row.money(amount.cents());
        }
        PaymentEvent::PaymentVoided { order_id, .. } => row.id(order_id.0),
        PaymentEvent::PaymentReopened {
            order_id,
            reference,
            attempt,
            reopened_at,
            ..
        } => {
            row.id(order_id.0);
            row.text(Some(reference));
            row.count(u64::from(*attempt));
            row.time(Some(*reopened_at));
        }
        PaymentEvent::PaymentLost {
            order_id,
            ticket_id,
            amount,
            ..
        } => {
            row.id(order_id.0);
            row.id(ticket_id.0);
            row.money(amount.cents());
        }
    }
}
