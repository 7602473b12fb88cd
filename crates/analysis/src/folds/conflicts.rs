//! Retries, and commands that came too late.

use chrono::{DateTime, Utc};
use domain::{
    AnyEvent, OrderId, TicketId, UserId, payment::PaymentEvent, ticket::TicketEvent,
    ticket_orders::TicketOrdersEvent,
};
use event_streams::{ORDERS, PAYMENTS, TICKETS};
use eventstore::StreamName;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use super::{
    Figures,
    shared::{LiveOrders, OrderChange, day},
};
use crate::{Cell, Fold, RecordedEvent, Table, table::table};

/// Retries and conflicts, as far as the log shows them: a refused request leaves no commit, and
/// neither does a writer that was slower, decided again and succeeded.
#[derive(Debug, Default)]
pub struct Conflicts {
    live: LiveOrders,
    /// Declined cards of payments that hold no money yet.
    declined: HashMap<OrderId, u64>,
    /// The last holder of each unsold ticket.
    held_by: HashMap<TicketId, UserId>,
    /// The holder of each unsold ticket, according to the ticket.
    believed: HashMap<String, OrderId>,
    days: BTreeMap<DateTime<Utc>, [u64; KINDS]>,
    reasons: HashMap<String, u64>,
}

/// The figures of [`Conflicts`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConflictFigures {
    /// Each day with any.
    pub days: Vec<ConflictsOnDay>,
    /// Reasons of declines, and their numbers; the most frequent first.
    pub reasons: Vec<(String, u64)>,
}

/// Retries and late commands on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConflictsOnDay {
    /// When it began.
    pub begin: DateTime<Utc>,
    /// Numbers by kind: in the order of the columns after the day.
    pub counts: [u64; KINDS],
}

const KINDS: usize = 9;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Declined,
    PaidAfterDecline,
    VoidedAfterDecline,
    HeldAgain,
    HeldAgainBySame,
    PaymentRefused,
    CancelledWhilePaying,
    ExpiredWhilePaying,
    FollowedLate,
}

impl Conflicts {
    fn note(&mut self, entry: &RecordedEvent<'_>, kind: Kind) {
        if entry.in_range {
            self.days.entry(day(entry.time())).or_default()[kind as usize] += 1;
        }
    }

    fn of_payment(&mut self, entry: &RecordedEvent<'_>, event: &PaymentEvent) {
        match event {
            PaymentEvent::PaymentDeclined {
                order_id, reason, ..
            } => {
                *self.declined.entry(*order_id).or_default() += 1;
                self.note(entry, Kind::Declined);
                if entry.in_range {
                    *self.reasons.entry(reason.clone()).or_default() += 1;
                }
            }
            PaymentEvent::PaymentAuthorized { order_id, .. } => {
                if self.declined.remove(order_id).is_some() {
                    self.note(entry, Kind::PaidAfterDecline);
                }
            }
            PaymentEvent::PaymentVoided { order_id, .. } => {
                if self.declined.remove(order_id).is_some() {
                    self.note(entry, Kind::VoidedAfterDecline);
                }
            }
            PaymentEvent::PaymentBegun { .. }
            | PaymentEvent::PaymentReopened { .. }
            | PaymentEvent::PaymentCaptured { .. }
            | PaymentEvent::PaymentLost { .. } => {}
        }
    }

    fn of_ticket(&mut self, entry: &RecordedEvent<'_>, event: &TicketEvent) {
        let ticket = &entry.commit.aggregate_id;
        match event {
            TicketEvent::TicketReserved { order_id, .. } => {
                self.believed.insert(ticket.clone(), *order_id);
            }
            TicketEvent::TicketReleased { order_id, .. }
            | TicketEvent::TicketSold { order_id, .. } => {
                if self.believed.remove(ticket) != Some(*order_id) {
                    self.note(entry, Kind::FollowedLate);
                }
            }
            TicketEvent::TicketListed { .. }
            | TicketEvent::TicketRevised { .. }
            | TicketEvent::WithdrawalRequested { .. }
            | TicketEvent::TicketWithdrawn { .. } => {}
        }
    }

    fn of_orders(&mut self, entry: &RecordedEvent<'_>, event: &TicketOrdersEvent) {
        if let TicketOrdersEvent::PaymentRefused { .. } = event {
            self.note(entry, Kind::PaymentRefused);
        }
        let Some((order, change)) = self.live.apply(entry) else {
            return;
        };
        match change {
            OrderChange::Placed => {
                if let Some(before) = self.held_by.insert(order.ticket, order.buyer) {
                    self.note(entry, Kind::HeldAgain);
                    if before == order.buyer {
                        self.note(entry, Kind::HeldAgainBySame);
                    }
                }
            }
            OrderChange::Paid => {
                self.held_by.remove(&order.ticket);
            }
            OrderChange::Cancelled if order.paying => self.note(entry, Kind::CancelledWhilePaying),
            OrderChange::Expired if order.paying => self.note(entry, Kind::ExpiredWhilePaying),
            OrderChange::Paying
            | OrderChange::Cancelled
            | OrderChange::Expired
            | OrderChange::Undone => {}
        }
    }
}

impl Fold for Conflicts {
    fn streams(&self) -> &'static [StreamName] {
        &[TICKETS, ORDERS, PAYMENTS]
    }

    fn apply(&mut self, entry: &RecordedEvent<'_>) {
        match entry.event {
            AnyEvent::Payment(event) => self.of_payment(entry, event),
            AnyEvent::Ticket(event) => self.of_ticket(entry, event),
            AnyEvent::Orders(event) => self.of_orders(entry, event),
            AnyEvent::User(_) => {}
        }
    }

    fn tables(&mut self) -> Vec<Table> {
        self.figures().tables()
    }
}

impl Conflicts {
    /// Returns the figures of the events so far.
    pub fn figures(&mut self) -> ConflictFigures {
        let days = self.days.iter().map(|(begin, counts)| ConflictsOnDay {
            begin: *begin,
            counts: *counts,
        });
        let reasons = self.reasons.iter();
        let mut reasons: Vec<_> = reasons.map(|(why, count)| (why.clone(), *count)).collect();
        reasons.sort_unstable_by(|(a, m), (b, n)| (Reverse(m), a).cmp(&(Reverse(n), b)));
        ConflictFigures {
            days: days.collect(),
            reasons,
        }
    }
}

impl ConflictFigures {
    /// Totals by kind.
    pub fn totals(&self) -> [u64; KINDS] {
        std::array::from_fn(|kind| self.days.iter().map(|day| day.counts[kind]).sum())
    }
}

impl Figures for ConflictFigures {
    fn tables(&self) -> Vec<Table> {
        let of = |day: &ConflictsOnDay, kind: Kind| Cell::Count(day.counts[kind as usize]);
        vec![
            table!("retries_and_conflicts_by_day", "What was tried again and what came too late, on each day with any.", &self.days, |day| {
                "day": "when the day began" => Cell::Time(day.begin),
                "declined": "cards that the provider declined" => of(day, Kind::Declined),
                "paid_after_decline": "payments that a later card was accepted for" => of(day, Kind::PaidAfterDecline),
                "voided_after_decline": "payments that ended without money after a declined card" => of(day, Kind::VoidedAfterDecline),
                "held_again": "orders of a ticket that had been held before" => of(day, Kind::HeldAgain),
                "held_again_by_same": "those of them by the buyer who had held it last" => of(day, Kind::HeldAgainBySame),
                "payment_refused": "payments that came when their order was over; their money was given back" => of(day, Kind::PaymentRefused),
                "cancelled_while_paying": "orders that the buyer gave back after a payment was begun" => of(day, Kind::CancelledWhilePaying),
                "expired_while_paying": "orders whose time was up after a payment was begun" => of(day, Kind::ExpiredWhilePaying),
                "followed_late": "tickets that heard of the end of an order before they had heard of the order" => of(day, Kind::FollowedLate),
            }),
            table!("declined_cards", "Why cards were declined, the most frequent reason first.", &self.reasons, |(reason, count)| {
                "reason": "why a card was declined, in the provider's words" => Cell::Text(reason.clone()),
                "declined": "how often" => Cell::Count(*count),
            }),
        ]
    }
}
