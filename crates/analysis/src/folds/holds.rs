//! The outcomes of holds.

use event_streams::ORDERS;
use eventstore::StreamName;

use super::shared::{
    Distribution, LiveOrders, OrderChange, Values, figure_columns, millis, with_distribution,
};
use crate::{Cell, Column, Fold, RecordedEvent, Table};

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
    cents: u64,
    paying: u64,
}

/// The figures of [`Holds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldFigures {
    /// Holds that were paid.
    pub paid: HoldOutcome,
    /// Holds that expired.
    pub expired: HoldOutcome,
    /// Holds that the buyer cancelled.
    pub cancelled: HoldOutcome,
    /// Holds that had not ended.
    pub open: u64,
}

/// Holds with the same outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldOutcome {
    /// Their number.
    pub count: u64,
    /// The value of the orders, in cents.
    pub value: u64,
    /// Number of them for which a payment was begun.
    pub paying: u64,
    /// Their durations, in milliseconds.
    pub lasted: Option<Distribution>,
}

const COLUMNS: &[Column] = figure_columns!(
    "outcome" "paid, expired, or cancelled by the buyer",
    "share" "its share of all that ended",
    "value" "what the orders were worth",
    "paying" "for how many of them a payment was begun";
    "shortest_ms", "p10_ms", "p25_ms", "median_ms", "p75_ms", "p90_ms", "longest_ms", "mean_ms"
);
const OPEN: &[Column] = crate::columns![
    "open": "holds that had not ended at the end of the range",
];

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
            outcome.cents += order.price;
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
            value: self.cents,
            paying: self.paying,
            lasted: self.lasted.distribution(),
        }
    }
}

impl Holds {
    /// Returns the figures of the events so far.
    pub fn figures(&mut self) -> HoldFigures {
        HoldFigures {
            paid: self.paid.figures(),
            expired: self.expired.figures(),
            cancelled: self.cancelled.figures(),
            open: self.live.count(),
        }
    }
}

impl HoldFigures {
    /// The outcomes by name, in order.
    pub fn outcomes(&self) -> [(&'static str, HoldOutcome); 3] {
        [
            ("paid", self.paid),
            ("expired", self.expired),
            ("cancelled", self.cancelled),
        ]
    }

    pub(super) fn tables(&self) -> Vec<Table> {
        let all = self.outcomes().iter().map(|(_, it)| it.count).sum();
        let rows = self.outcomes().map(|(name, outcome)| {
            let begin = [
                Cell::Text(name.to_owned()),
                Cell::share(outcome.count, all),
                Cell::Money(outcome.value),
                Cell::Count(outcome.paying),
            ];
            with_distribution(begin, outcome.lasted, Cell::Millis)
        });
        vec![
            Table::new(
                "hold_outcomes",
                "How the holds ended that ended in the range, and how long they lasted.",
                COLUMNS,
                rows,
            ),
            Table::new(
                "open_holds",
                "Holds at the end of the range.",
                OPEN,
                [vec![Cell::Count(self.open)]],
            ),
        ]
    }
}
