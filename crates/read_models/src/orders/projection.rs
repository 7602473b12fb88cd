//! Folds events into documents.

use domain::ticket_orders::{CancelReason, TicketOrdersEvent};
use event_streams::ORDERS;
use eventstore::{Commit, StreamName};
use projections::{
    Change, FoldError, Index, Projection,
    bson_values::{int, nanos, uuid},
    mongodb::bson::{Bson, Document, doc},
};

/// Orders: one document per order, though all orders of a ticket are one aggregate.
#[derive(Clone, Copy, Debug)]
pub struct OrdersProjection;

impl Projection for OrdersProjection {
    fn name(&self) -> &'static str {
        "orders"
    }

    fn version(&self) -> u32 {
        // Version 2 added why an order was cancelled, 3 the currency in which it is charged, and 4
        // orders those that were placed in one message.
        4
    }

    fn streams(&self) -> Vec<StreamName> {
        vec![ORDERS]
    }

    fn indexes(&self) -> Vec<Index> {
        vec![
            Index {
                name: "buyer",
                keys: doc! { "buyer": 1, "placed": 1 },
                only: None,
            },
            Index {
                name: "overdue",
                keys: doc! { "expires_at": 1 },
                only: Some(doc! { "payable": true }),
            },
        ]
    }

    fn fold(&self, commit: &Commit) -> Result<Vec<Change>, FoldError> {
        let events = commit.decode::<TicketOrdersEvent>();
        let events = events.map_err(|error| FoldError::of(commit, error.to_string()))?;
        Ok(events
            .into_iter()
            .filter_map(|(_, event)| change(commit.ordinal(), event))
            .collect())
    }
}

fn change(ordinal: u64, event: TicketOrdersEvent) -> Option<Change> {
    let id = event.order_id()?.0.into();
    let now = |status: &str, payable: bool, version: u64| -> Document {
        doc! { "status": status, "payable": payable, "version": int(version) }
    };
    let set = match event {
        TicketOrdersEvent::OrderPlaced {
            buyer,
            ticket,
            placed_at,
            expires_at,
            ..
        } => {
            let doc = doc! {
                "ticket": uuid(ticket.id.0),
                "title": ticket.title.as_str(),
                "price": int(ticket.price.cents()),
                "currency": ticket.currency.as_str(),
                "ticket_version": int(ticket.version),
                "buyer": uuid(buyer.0),
                "status": "created",
                "payable": true,
                "placed_at": nanos(placed_at),
                "expires_at": nanos(expires_at),
                // From the start: a field that is added later would have a different place than in
                // a replay that reads both events in one batch.
                "cancel_reason": Bson::Null,
                "version": 0_i64,
                // Its place in lists. Two orders of a buyer may be placed by one message.
                "placed": int(ordinal),
            };
            return Some(Change::Put { id, doc });
        }
        TicketOrdersEvent::OrderAwaitingPayment { version, .. } => {
            now("awaiting:payment", true, version)
        }
        TicketOrdersEvent::OrderCompleted { version, .. } => now("complete", false, version),
        TicketOrdersEvent::OrderCancelled {
            version, reason, ..
        } => {
            let mut set = now("cancelled", false, version);
            let reason = match reason {
                CancelReason::Buyer => "buyer",
                CancelReason::Expired => "expired",
                CancelReason::PaymentLost => "payment_lost",
            };
            set.insert("cancel_reason", reason);
            set
        }
        // The order doesn't change.
        TicketOrdersEvent::PaymentRefused { .. } | TicketOrdersEvent::SaleClosed { .. } => {
            return None;
        }
    };
    Some(Change::Patch { id, set })
}
