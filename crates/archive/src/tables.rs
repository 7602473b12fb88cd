//! The tables: one per event type. A table is declared once, by its columns and their sources;
//! Arrow arrays, CSV and the manifest derive from that.

use chrono::{DateTime, Utc};
use domain::{
    AnyEvent, payment::PaymentEvent, ticket::TicketEvent, ticket_orders::TicketOrdersEvent,
    user::UserEvent,
};
use event_streams::{ORDERS, PAYMENTS, TICKETS, USERS};
use eventstore::{Commit, StreamName};
use uuid::Uuid;

/// A table of an export.
#[derive(Debug)]
pub struct TableSpec {
    /// Its name, and that of its folder.
    pub name: &'static str,
    /// The type of its events.
    pub event_type: &'static str,
    /// The stream of the events.
    pub stream: StreamName,
    own: &'static [ColumnSpec],
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ColumnSpec {
    pub name: &'static str,
    /// Whether a row may lack a value.
    pub optional: bool,
    pub value: Extractor,
}

/// An event, and its commit.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    pub commit: &'a Commit,
    pub version: u64,
    pub event: &'a AnyEvent,
}

/// Takes a value from a row; `None` if it has none.
pub(crate) type Extract<T> = fn(&Row<'_>) -> Option<T>;
/// Takes a text from a row.
pub(crate) type ExtractText = for<'r> fn(&'r Row<'_>) -> Option<&'r str>;

/// The type of a column, and the source of its values.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Extractor {
    Text(ExtractText),
    /// An ID is a text in files, since every tool can join on that.
    Id(Extract<Uuid>),
    Count(Extract<u64>),
    /// An amount in cents: a decimal with two places in files.
    Money(Extract<u64>),
    /// A moment in UTC, to the microsecond in files.
    Time(Extract<DateTime<Utc>>),
}

impl Extractor {
    /// The name of the type in a manifest.
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::Text(_) | Self::Id(_) => "text",
            Self::Count(_) => "integer",
            Self::Money(_) => "decimal(12,2)",
            Self::Time(_) => "timestamp(us, UTC)",
        }
    }
}

const fn column(name: &'static str, value: Extractor) -> ColumnSpec {
    let optional = false;
    ColumnSpec {
        name,
        optional,
        value,
    }
}

const fn optional(name: &'static str, value: Extractor) -> ColumnSpec {
    let optional = true;
    ColumnSpec {
        name,
        optional,
        value,
    }
}

/// The columns of every table.
const COMMON: &[ColumnSpec] = &[
    column(
        "sequence",
        Extractor::Count(|row| Some(row.commit.sequence)),
    ),
    column(
        "commit_index",
        Extractor::Count(|row| Some(row.commit.index.into())),
    ),
    column("version", Extractor::Count(|row| Some(row.version))),
    column(
        "time",
        Extractor::Time(|row| Some(row.commit.metadata.time)),
    ),
    column(
        "stored_at",
        Extractor::Time(|row| Some(row.commit.stored_at)),
    ),
    column(
        "aggregate_id",
        Extractor::Text(|row| Some(&row.commit.aggregate_id)),
    ),
    column(
        "actor",
        Extractor::Text(|row| Some(&row.commit.metadata.actor)),
    ),
    column("commit_id", Extractor::Id(|row| Some(row.commit.commit_id))),
    column(
        "command_id",
        Extractor::Id(|row| Some(row.commit.metadata.command_id)),
    ),
    column(
        "correlation_id",
        Extractor::Text(|row| Some(&row.commit.metadata.correlation_id)),
    ),
    optional(
        "causation_id",
        Extractor::Id(|row| row.commit.metadata.causation_id),
    ),
    optional(
        "trace_parent",
        Extractor::Text(|row| row.commit.metadata.trace_parent.as_deref()),
    ),
];

/// Declares the tables. A column is `Type "name" = field => value`, where the value may use the
/// event's field of this name; an optional one is `? Type "name" = field`.
macro_rules! tables {
    ($($name:literal $stream:ident $kind:ident($event:ident::$variant:ident) {
        $($type:ident $column:literal = $field:ident => $value:expr;)*
        $(? $optional_type:ident $optional:literal = $optional_field:ident;)?
    })*) => {
        /// Every table.
        pub const TABLES: &[TableSpec] = &[$(TableSpec {
            name: $name,
            event_type: stringify!($variant),
            stream: $stream,
            own: &[
                $(column($column, Extractor::$type(|row| match row.event {
                    AnyEvent::$kind($event::$variant { $field, .. }) => Some($value),
                    _ => None,
                })),)*
                $(optional($optional, Extractor::$optional_type(|row| match row.event {
                    AnyEvent::$kind($event::$variant { $optional_field, .. }) => *$optional_field,
                    _ => None,
                })),)?
            ],
        }),*];

        /// The tables, in their order.
        enum Table {
            $($variant),*
        }

        /// The table of an event, as an index into [`TABLES`].
        pub(crate) fn table_index(event: &AnyEvent) -> usize {
            match event {
                $(AnyEvent::$kind($event::$variant { .. }) => Table::$variant as usize,)*
            }
        }
    };
}

// Secrets (the password's hash) aren't exported.
tables! {
    "user_registered" USERS User(UserEvent::UserRegistered) {
        Id "user_id" = user_id => user_id.0;
        Text "email" = email => email.as_str();
        Time "registered_at" = registered_at => *registered_at;
    }
    "ticket_listed" TICKETS Ticket(TicketEvent::TicketListed) {
        Id "ticket_id" = ticket_id => ticket_id.0;
        Id "seller_id" = seller => seller.0;
        Text "title" = title => title.as_str();
        Money "price" = price => price.cents();
    }
    "ticket_revised" TICKETS Ticket(TicketEvent::TicketRevised) {
        Text "title" = title => title.as_str();
        Money "price" = price => price.cents();
    }
    "ticket_reserved" TICKETS Ticket(TicketEvent::TicketReserved) {
        Id "order_id" = order_id => order_id.0;
        Count "orders_version" = orders_version => *orders_version;
    }
    "ticket_released" TICKETS Ticket(TicketEvent::TicketReleased) {
        Id "order_id" = order_id => order_id.0;
        Count "orders_version" = orders_version => *orders_version;
    }
    "ticket_sold" TICKETS Ticket(TicketEvent::TicketSold) {
        Id "order_id" = order_id => order_id.0;
        Count "orders_version" = orders_version => *orders_version;
    }
    "order_placed" ORDERS Orders(TicketOrdersEvent::OrderPlaced) {
        Id "order_id" = order_id => order_id.0;
        Id "buyer_id" = buyer => buyer.0;
        Id "ticket_id" = ticket => ticket.id.0;
        Text "ticket_title" = ticket => ticket.title.as_str();
        Money "ticket_price" = ticket => ticket.price.cents();
        Text "ticket_currency" = ticket => ticket.currency.as_str();
        Count "ticket_version" = ticket => ticket.version;
        Time "placed_at" = placed_at => *placed_at;
        Time "expires_at" = expires_at => *expires_at;
    }
    "order_awaiting_payment" ORDERS Orders(TicketOrdersEvent::OrderAwaitingPayment) {
        Id "order_id" = order_id => order_id.0;
        Id "payment_id" = payment_id => payment_id.0;
        Count "order_version" = version => *version;
    }
    "order_completed" ORDERS Orders(TicketOrdersEvent::OrderCompleted) {
        Id "order_id" = order_id => order_id.0;
        Id "payment_id" = payment_id => payment_id.0;
        Count "order_version" = version => *version;
    }
    "order_cancelled" ORDERS Orders(TicketOrdersEvent::OrderCancelled) {
        Id "order_id" = order_id => order_id.0;
        Text "reason" = reason => reason.into();
        Count "order_version" = version => *version;
    }
    "payment_refused" ORDERS Orders(TicketOrdersEvent::PaymentRefused) {
        Id "order_id" = order_id => order_id.0;
        Id "payment_id" = payment_id => payment_id.0;
    }
    "payment_begun" PAYMENTS Payment(PaymentEvent::PaymentBegun) {
        Id "payment_id" = payment_id => payment_id.0;
        Id "order_id" = order_id => order_id.0;
        Id "ticket_id" = ticket_id => ticket_id.0;
        Id "buyer_id" = buyer => buyer.0;
        Money "amount" = amount => amount.cents();
        Text "currency" = currency => currency.as_str();
        Text "provider" = provider => provider.as_str();
        Text "reference" = reference => reference.as_str();
        Time "expires_at" = expires_at => *expires_at;
        Time "begun_at" = begun_at => *begun_at;
    }
    "payment_declined" PAYMENTS Payment(PaymentEvent::PaymentDeclined) {
        Id "order_id" = order_id => order_id.0;
        Text "reason" = reason => reason.as_str();
        ? Time "declined_at" = declined_at;
    }
    "payment_authorized" PAYMENTS Payment(PaymentEvent::PaymentAuthorized) {
        Id "order_id" = order_id => order_id.0;
        Id "ticket_id" = ticket_id => ticket_id.0;
    }
    "payment_captured" PAYMENTS Payment(PaymentEvent::PaymentCaptured) {
        Id "order_id" = order_id => order_id.0;
        Money "amount" = amount => amount.cents();
    }
    "payment_voided" PAYMENTS Payment(PaymentEvent::PaymentVoided) {
        Id "order_id" = order_id => order_id.0;
    }
    "role_granted" USERS User(UserEvent::RoleGranted) {
        Text "role" = role => role.into();
        Time "granted_at" = granted_at => *granted_at;
    }
    "role_revoked" USERS User(UserEvent::RoleRevoked) {
        Text "role" = role => role.into();
        Time "revoked_at" = revoked_at => *revoked_at;
    }
    "payment_reopened" PAYMENTS Payment(PaymentEvent::PaymentReopened) {
        Id "order_id" = order_id => order_id.0;
        Text "reference" = reference => reference.as_str();
        Count "attempt" = attempt => u64::from(*attempt);
        Time "reopened_at" = reopened_at => *reopened_at;
    }
    "payment_lost" PAYMENTS Payment(PaymentEvent::PaymentLost) {
        Id "order_id" = order_id => order_id.0;
        Id "ticket_id" = ticket_id => ticket_id.0;
        Money "amount" = amount => amount.cents();
    }
    "withdrawal_requested" TICKETS Ticket(TicketEvent::WithdrawalRequested) {
        Count "orders_seen" = orders_seen => *orders_seen;
    }
    "ticket_withdrawn" TICKETS Ticket(TicketEvent::TicketWithdrawn) {
        Count "orders_version" = orders_version => *orders_version;
    }
    "sale_closed" ORDERS Orders(TicketOrdersEvent::SaleClosed) {
        Id "ticket_id" = ticket_id => ticket_id.0;
    }
}

impl TableSpec {
    /// All its columns.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &'static ColumnSpec> + use<> {
        COMMON.iter().chain(self.own)
    }
}
