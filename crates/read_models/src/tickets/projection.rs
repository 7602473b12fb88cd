//! Folds events into documents.

use domain::{search::folded, ticket::TicketEvent};
use event_streams::TICKETS;
use eventstore::{Commit, StreamName};
use projections::{
    Change, FoldError, Index, Projection,
    bson_values::{int, uuid},
    mongodb::bson::{Bson, Document, doc},
};
use uuid::Uuid;

/// Tickets: one document per ticket.
#[derive(Clone, Copy, Debug)]
pub struct TicketsProjection;

impl Projection for TicketsProjection {
    fn name(&self) -> &'static str {
        "tickets"
    }

    fn version(&self) -> u32 {
        // Version 2 made the search insensitive to accents and letter forms.
        if cfg!(feature = "next-release") { 3 } else { 2 }
    }

    fn streams(&self) -> Vec<StreamName> {
        vec![TICKETS]
    }

    /// The list shows only open tickets, so its indexes contain no others: a sold ticket costs
    /// nothing there. Cheapest and dearest first read one index from its two ends.
    fn indexes(&self) -> Vec<Index> {
        let open = || Some(doc! { "status": "open" });
        vec![
            Index {
                name: "newest",
                keys: doc! { "listed": -1, "search": 1, "price": 1 },
                only: open(),
            },
            Index {
                name: "price",
                keys: doc! { "price": 1, "listed": -1, "search": 1 },
                only: open(),
            },
            Index {
                name: "seller",
                keys: doc! { "seller": 1, "listed": -1 },
                only: None,
            },
        ]
    }

    fn fold(&self, commit: &Commit) -> Result<Vec<Change>, FoldError> {
        let wrong = |why: String| FoldError::of(commit, why);
        let events = commit
            .decode::<TicketEvent>()
            .map_err(|error| wrong(error.to_string()))?;
        let id = Uuid::parse_str(&commit.aggregate_id)
            .map_err(|_| wrong(format!("{:?} is no ticket's id", commit.aggregate_id)))?;
        Ok(events
            .into_iter()
            .map(|(version, event)| change(id, commit.sequence, int(version), event))
            .collect())
    }
}

fn change(id: Uuid, sequence: u64, version: i64, event: TicketEvent) -> Change {
    let holding = |status: &str, order: Option<Uuid>| doc! { "status": status, "order": order.map_or(Bson::Null, uuid), "version": version };
    let set: Document = match event {
        TicketEvent::TicketListed {
            seller,
            title,
            price,
            ..
        } if version == 0 => {
            let doc = doc! {
                "title": title.as_str(),
                "search": folded(title.as_str()),
                "price": int(price.cents()),
                "seller": uuid(seller.0),
                "status": "open",
                "order": null,
                "version": version,
                "listed": int(sequence),
            };
            return Change::Put { id: id.into(), doc };
        }
        // A second listing can't be decided; in a log that contains one, the first counts. A
        // requested withdrawal isn't decided yet.
        TicketEvent::TicketListed { .. } | TicketEvent::WithdrawalRequested { .. } => {
            doc! { "version": version }
        }
        TicketEvent::TicketRevised { title, price } => doc! {
            "title": title.as_str(),
            "search": folded(title.as_str()),
            "price": int(price.cents()),
            "version": version,
        },
        TicketEvent::TicketReserved { order_id, .. } => holding("reserved", Some(order_id.0)),
        TicketEvent::TicketReleased { .. } => holding("open", None),
        TicketEvent::TicketWithdrawn { .. } => holding("withdrawn", None),
        TicketEvent::TicketSold { order_id, .. } => holding("sold", Some(order_id.0)),
    };
    Change::Patch { id: id.into(), set }
}
