//! The outcomes of holds.

use api::{
    Amount,
    analytics::{HoldOutcome, HoldOutcomes},
};
use event_streams::ORDERS;
use eventstore::StreamName;

use super::{
    Figures,
    shared::{LiveOrders, OrderChange, Values, figure_columns, millis, with_distribution},
};
use crate::{Cell, Column, Fold, RecordedEvent, Table, table::table};

/// How the holds that ended in the range ended, and how long they lasted; and how many were open at
/// its end.
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
    value: Amount,
    paying: u64,
}

const COLUMNS: &[Column] = figure_columns!(
    "outcome" "paid, expired, or cancelled by the buyer",
    "share" "its share of all that ended",
    "value" "what the orders were worth",
    "paying" "for how many of them a payment was begun";
    "shortest_ms", "p10_ms", "p25_ms", "median_ms", "p75_ms", "p90_ms", "longest_ms", "mean_ms"
);
impl Fold for Holds {
    fn streams(&self) -> &'static [StreamName] {
        &[ORDERS]
    }

    fn apply(&mut self, entry: &RecordedEvent<'_>) {
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
            outcome.value.cents += order.price.cents;
            outcome.paying += u64::from(order.paying);
        }
    }

    fn tables(&mut self) -> Vec<Table> {
        self.figures().tables()
    }
}

impl Outcome {
    fn figures(&mut self) -> HoldOutcome {
        HoldOutcome {
            count: self.lasted.count(),
            value: self.value,
            paying: self.paying,
            lasted_ms: self.lasted.distribution(|millis| millis),
        }
    }
}

impl Holds {
    /// Returns the figures of the events so far.
    pub fn figures(&mut self) -> HoldOutcomes {
        HoldOutcomes {
            paid: self.paid.figures(),
            expired: self.expired.figures(),
            cancelled: self.cancelled.figures(),
            open: self.live.count(),
        }
    }
}

/// The outcomes by name, in order.
pub fn hold_outcomes(holds: &HoldOutcomes) -> [(&'static str, HoldOutcome); 3] {
    [
        ("paid", holds.paid),
        ("expired", holds.expired),
        ("cancelled", holds.cancelled),
    ]
}

impl Figures for HoldOutcomes {
    fn tables(&self) -> Vec<Table> {
        let outcomes = hold_outcomes(self);
        let all = outcomes.iter().map(|(_, it)| it.count).sum();
        let rows = outcomes.map(|(name, outcome)| {
            let begin = [
                Cell::Text(name.to_owned()),
                Cell::share(outcome.count, all),
                Cell::money(outcome.value),
                Cell::Count(outcome.paying),
            ];
            with_distribution(begin, outcome.lasted_ms, Cell::Millis)
        });
        vec![
            Table::new(
                "hold_outcomes",
                "How the holds ended that ended in the range, and how long they lasted.",
                COLUMNS,
                rows,
            ),
            table!("open_holds", "Holds at the end of the range.", [self.open], |open| {
                "open": "holds that had not ended at the end of the range" => Cell::Count(open),
            }),
        ]
    }
}
