//! Code that the folds share: live orders, periods of time, and statistics.

use api::{Amount, analytics::Distribution};
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use domain::{
    AnyEvent, OrderId, TicketId, UserId,
    ticket_orders::{CancelReason, TicketOrdersEvent},
};
use std::collections::{HashMap, VecDeque};

use crate::{Cell, RecordedEvent, table::rounded};

/// An order that isn't over.
#[derive(Clone, Copy, Debug)]
pub(super) struct LiveOrder {
    pub ticket: TicketId,
    pub buyer: UserId,
    pub price: Amount,
    pub placed: DateTime<Utc>,
    /// Whether a payment was begun.
    pub paying: bool,
    /// When it was paid, if it was, and whether that was in the range.
    pub sold: Option<(DateTime<Utc>, bool)>,
}

/// A change of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OrderChange {
    Placed,
    Paying,
    Paid,
    Expired,
    Cancelled,
    /// It was paid, and the money was lost before it was captured: it is no longer a sale.
    Undone,
}

/// How long a paid order is remembered. A card company holds money for a week, and for a month at
/// most.
pub(crate) const UNDO_PERIOD: TimeDelta = TimeDelta::days(35);

/// The orders that hold a ticket and aren't paid, and for a while those that are. Orders that are
/// over are dropped, so the size depends on the number of concurrent holds and a month's sales, not
/// on the log's length.
#[derive(Debug, Default)]
pub(super) struct LiveOrders {
    live: HashMap<OrderId, LiveOrder>,
    paid: HashMap<OrderId, LiveOrder>,
    /// In order of payment.
    paid_at: VecDeque<(DateTime<Utc>, OrderId)>,
}

impl LiveOrders {
    /// Applies an event. Returns the order that it changed, and how.
    pub(super) fn apply(&mut self, entry: &RecordedEvent<'_>) -> Option<(LiveOrder, OrderChange)> {
        let AnyEvent::Orders(event) = entry.event else {
            return None;
        };
        match event {
            TicketOrdersEvent::OrderPlaced {
                order_id,
                buyer,
                ticket,
                ..
            } => {
                let order = LiveOrder {
                    ticket: ticket.id,
                    buyer: *buyer,
                    price: Amount::of_prices(ticket.price.cents()),
                    placed: entry.time(),
                    paying: false,
                    sold: None,
                };
                self.live.insert(*order_id, order);
                Some((order, OrderChange::Placed))
            }
            TicketOrdersEvent::OrderAwaitingPayment { order_id, .. } => {
                let order = self.live.get_mut(order_id)?;
                order.paying = true;
                Some((*order, OrderChange::Paying))
            }
            TicketOrdersEvent::OrderCompleted { order_id, .. } => {
                let mut order = self.live.remove(order_id)?;
                order.sold = Some((entry.time(), entry.in_range));
                self.remember(*order_id, order, entry.time());
                Some((order, OrderChange::Paid))
            }
            TicketOrdersEvent::OrderCancelled {
                order_id, reason, ..
            } => {
                let change = match reason {
                    CancelReason::Expired => OrderChange::Expired,
                    CancelReason::Buyer => OrderChange::Cancelled,
                    CancelReason::PaymentLost => {
                        return Some((self.paid.remove(order_id)?, OrderChange::Undone));
                    }
                };
                Some((self.live.remove(order_id)?, change))
            }
            TicketOrdersEvent::PaymentRefused { .. } | TicketOrdersEvent::SaleClosed { .. } => None,
        }
    }

    /// Remembers a paid order, and drops those whose money can no longer be lost.
    fn remember(&mut self, id: OrderId, order: LiveOrder, now: DateTime<Utc>) {
        self.paid.insert(id, order);
        self.paid_at.push_back((now, id));
        while let Some((at, id)) = self.paid_at.front().copied()
            && now - at > UNDO_PERIOD
        {
            self.paid.remove(&id);
            self.paid_at.pop_front();
        }
    }

    /// Number of orders that hold a ticket.
    pub(super) fn count(&self) -> u64 {
        self.live.len() as u64
    }
}

/// The beginning of a moment's hour.
pub(super) fn hour(time: DateTime<Utc>) -> DateTime<Utc> {
    floor(time, TimeDelta::hours(1))
}

/// The beginning of a moment's day.
pub(super) fn day(time: DateTime<Utc>) -> DateTime<Utc> {
    floor(time, TimeDelta::days(1))
}

fn floor(time: DateTime<Utc>, period: TimeDelta) -> DateTime<Utc> {
    // Fails beyond the year 2262; then the moment itself is used.
    time.duration_trunc(period).unwrap_or(time)
}

/// The time from one moment to another in milliseconds; 0 if clocks went back.
pub(super) fn millis(from: DateTime<Utc>, to: DateTime<Utc>) -> u64 {
    u64::try_from((to - from).num_milliseconds()).unwrap_or(0)
}

pub(super) fn cents(amount: Amount) -> u64 {
    u64::try_from(amount.cents).unwrap_or(0)
}

/// The mean of an amount, to the cent.
pub(super) fn mean_money(amount: Amount, count: u64) -> Cell {
    match count {
        0 => Cell::Nothing,
        count => Cell::Money(mean(cents(amount).into(), count)),
    }
}

fn mean(sum: u128, count: u64) -> u64 {
    // The mean of numbers is not larger than their maximum.
    u64::try_from(rounded(sum, count.into())).unwrap_or(u64::MAX)
}

/// Values for statistics: eight bytes each.
#[derive(Debug, Default)]
pub(super) struct Values(Vec<u64>);

impl Values {
    pub(super) fn add(&mut self, value: u64) {
        self.0.push(value);
    }

    /// Removes a value, if it exists.
    pub(super) fn take_away(&mut self, value: u64) {
        if let Some(place) = self.0.iter().position(|found| *found == value) {
            // Keeps the order, since the values may be sorted by now.
            self.0.remove(place);
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// Returns the distribution of the values, in some unit; `None` without values.
    #[expect(
        clippy::stable_sort_primitive,
        reason = "it takes what was sorted before as one run, and only merges the rest into it"
    )]
    pub(super) fn distribution<T>(&mut self, unit: fn(u64) -> T) -> Option<Distribution<T>> {
        self.0.sort();
        let (lowest, highest) = (*self.0.first()?, *self.0.last()?);
        let [p10, p25, median, p75, p90] = [10, 25, 50, 75, 90].map(|p| unit(self.percentile(p)));
        let sum = self.0.iter().map(|value| u128::from(*value)).sum();
        Some(Distribution {
            count: self.count(),
            lowest: unit(lowest),
            p10,
            p25,
            median,
            p75,
            p90,
            highest: unit(highest),
            mean: unit(mean(sum, self.count())),
        })
    }

    /// By the nearest rank: a value that occurred, so that no percentile is invented.
    fn percentile(&self, percent: usize) -> u64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0[rank - 1]
    }
}

/// A row of some cells followed by a distribution, in the columns of `figure_columns!`.
pub(super) fn with_distribution<const N: usize, T>(
    begin: [Cell; N],
    distribution: Option<Distribution<T>>,
    cell: fn(T) -> Cell,
) -> Vec<Cell> {
    let mut row = Vec::from(begin);
    row.push(Cell::Count(
        distribution.as_ref().map_or(0, |found| found.count),
    ));
    match distribution {
        None => row.extend([const { Cell::Nothing }; 8]),
        Some(d) => row.extend(
            [
                d.lowest, d.p10, d.p25, d.median, d.p75, d.p90, d.highest, d.mean,
            ]
            .map(cell),
        ),
    }
    row
}

/// The columns of [`with_distribution`], after others.
macro_rules! figure_columns {
    ($($name:literal $doc:literal),* ; $lowest:literal, $p10:literal, $p25:literal, $median:literal, $p75:literal, $p90:literal, $highest:literal, $mean:literal) => {
        &[
            $($crate::Column { name: $name, doc: $doc },)*
            $crate::Column { name: "count", doc: "how many" },
            $crate::Column { name: $lowest, doc: "the lowest" },
            $crate::Column { name: $p10, doc: "a tenth is at or below it (nearest rank)" },
            $crate::Column { name: $p25, doc: "a quarter is at or below it" },
            $crate::Column { name: $median, doc: "half is at or below it" },
            $crate::Column { name: $p75, doc: "three quarters are at or below it" },
            $crate::Column { name: $p90, doc: "nine tenths are at or below it" },
            $crate::Column { name: $highest, doc: "the highest" },
            $crate::Column { name: $mean, doc: "the mean, rounded" },
        ]
    };
}
pub(super) use figure_columns;

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_paid_order_is_remembered_while_its_sale_can_be_undone() {
        let paid = DateTime::UNIX_EPOCH;
        let order = LiveOrder {
            ticket: TicketId(Uuid::nil()),
            buyer: UserId(Uuid::nil()),
            price: Amount::from_cents(1_000),
            placed: paid,
            paying: true,
            sold: Some((paid, true)),
        };
        let id = |n| OrderId(Uuid::from_u128(n));
        let mut orders = LiveOrders::default();
        orders.remember(id(1), order, paid);
        orders.remember(id(2), order, paid + UNDO_PERIOD);
        assert!(orders.paid.contains_key(&id(1)));
        orders.remember(id(3), order, paid + UNDO_PERIOD + TimeDelta::seconds(1));
        assert!(!orders.paid.contains_key(&id(1)));
        assert_eq!((orders.paid.len(), orders.paid_at.len()), (2, 2));
    }

    #[test]
    fn percentiles_are_samples_and_the_mean_is_exact() {
        let mut values = Values(vec![30, 10, 20, 40]);
        let cells = with_distribution([], values.distribution(|n| n), Cell::Count);
        let expected = [4, 10, 10, 10, 20, 30, 40, 40, 25].map(Cell::Count);
        assert_eq!(cells, expected);
    }

    #[test]
    fn no_samples_have_no_figures() {
        let cells = with_distribution([], Values::default().distribution(|n| n), Cell::Count);
        assert_eq!(cells[0], Cell::Count(0));
        assert!(cells[1..].iter().all(|cell| *cell == Cell::Nothing));
        assert_eq!(cells.len(), 9);
    }
}
