//! What becomes of holds.

use eventstore::{ORDERS, StreamName};

use super::shared::{LiveOrders, OrderChange, Values, figure_columns, millis};
use crate::{Cell, Column, Entry, Fold, Table};

/// How the holds ended that ended in the range, and how long they lasted; and how many were open
/// at its end.
#[derive(Debug, Default)]
pub struct Holds {
    live: LiveOrders,
    paid: Outcome,
    expired: Outcome,
    cancelled: Outcome,
}

#[derive(Debug, Default)]
struct Outcome {
    lasted: Values,
    cents: u64,
    paying: u64,
}

const COLUMNS: &[Column] = figure_columns!(
    "outcome" "paid, expired, or cancelled by the buyer",
    "share" "its share of all that ended",
    "value" "what the orders were worth",
    "paying" "for how many of them a payment was begun";
    "shortest_ms", "p10_ms", "p25_ms", "median_ms", "p75_ms", "p90_ms", "longest_ms", "mean_ms"
);
const OPEN: &[Column] = super::shared::columns![
    "open": "holds that had not ended at the end of the range",
];

impl Fold for Holds {
    fn streams(&self) -> &'static [StreamName] {
        &[ORDERS]
    }

    fn apply(&mut self, entry: &Entry<'_>) {
        let Some((order, change)) = self.live.apply(entry) else {
            return;
        };
        let outcome = match change {
            OrderChange::Paid => &mut self.paid,
            OrderChange::Expired => &mut self.expired,
            OrderChange::Cancelled => &mut self.cancelled,
            OrderChange::Placed | OrderChange::Paying | OrderChange::Undone => return,
        };
        if entry.in_range {
            outcome.lasted.add(millis(order.placed, entry.time()));
            outcome.cents += order.price;
            outcome.paying += u64::from(order.paying);
        }
    }

    fn tables(&mut self) -> Vec<Table> {
        let open = self.live.count();
        let outcomes = [
            ("paid", &mut self.paid),
            ("expired", &mut self.expired),
            ("cancelled", &mut self.cancelled),
        ];
        let all = outcomes.iter().map(|(_, o)| o.lasted.count()).sum();
        let rows = outcomes.into_iter().map(|(name, outcome)| {
            let mut row = vec![
                Cell::Text(name.to_owned()),
                Cell::Share {
                    part: outcome.lasted.count(),
                    of: all,
                },
                Cell::Money(outcome.cents),
                Cell::Count(outcome.paying),
            ];
            row.extend(outcome.lasted.figures(Cell::Millis));
            row
        });
        vec![
            Table {
                name: "hold_outcomes",
                doc: "How the holds ended that ended in the range, and how long they lasted.",
                columns: COLUMNS,
                rows: rows.collect(),
            },
            Table {
                name: "open_holds",
                doc: "Holds at the end of the range.",
                columns: OPEN,
                rows: vec![vec![Cell::Count(open)]],
            },
        ]
    }
}
