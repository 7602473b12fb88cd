//! The rules that need state, for one part of all keys.

use domain::{
    AnyEvent, OrderId, PaymentId,
    payment::PaymentEvent,
    ticket_orders::{CancelReason, TicketOrdersEvent},
};
use eventstore::{Commit, StreamName};
use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hasher as _},
};
use uuid::Uuid;

use super::{Finding, Rule, finding, owners::Owners};

type Place = (StreamName, u64);
/// A key in 16 bytes; an aggregate's id is a UUID.
type Key = [u8; 16];

/// The state while the log is read in order of time.
pub(super) struct Rules {
    part: u64,
    parts: u64,
    /// The next version of each aggregate.
    versions: HashMap<Key, u32>,
    commits: HashSet<Key>,
    /// Causes that were not read yet, with the commit that names them.
    causes: HashMap<Key, Place>,
    /// The live order of each ticket, and whether it is paid.
    live: HashMap<Key, (OrderId, bool)>,
    complete: HashMap<OrderId, PaymentId>,
    /// Captured payments for orders that are not complete yet, by order.
    captured: HashMap<OrderId, (Place, String)>,
    owners: Owners,
}

impl Rules {
    pub(super) fn new(part: u64, parts: u64) -> Self {
        Self {
            part,
            parts,
            versions: HashMap::new(),
            commits: HashSet::new(),
            causes: HashMap::new(),
            live: HashMap::new(),
            complete: HashMap::new(),
            captured: HashMap::new(),
            owners: Owners::default(),
        }
    }

    /// Whether a key belongs to the part that is being checked.
    fn includes(&self, key: &Key) -> bool {
        is_in(key, self.part, self.parts)
    }

    /// Applies a commit with this number of events; `events` contains only the readable ones.
    pub(super) fn apply(
        &mut self,
        commit: &Commit,
        (count, events): (u64, &[(u64, AnyEvent)]),
        report: &mut dyn FnMut(Finding),
    ) {
        let mut found = |rule, what| {
            report(finding(commit.stream, commit.sequence, rule, what));
        };
        let aggregate = aggregate_key(commit);
        let includes_aggregate = self.includes(&aggregate);
        if includes_aggregate {
            let next = self.versions.entry(aggregate).or_default();
            if commit.version != u64::from(*next) {
                found(
                    Rule::DenseVersions,
                    format!(
                        "expected version {next} of {}, found {}",
                        commit.aggregate_id, commit.version
                    ),
                );
            }
            *next = small(commit.version + count);
        }
        let id = commit.commit_id.into_bytes();
        if self.includes(&id) {
            if !self.commits.insert(id) {
                found(
                    Rule::UniqueCommits,
                    format!("the id {} is that of another commit, too", commit.commit_id),
                );
            }
            self.causes.remove(&id);
        }
        if let Some(cause) = commit.metadata.causation_id.map(Uuid::into_bytes)
            && self.includes(&cause)
            && !self.commits.contains(&cause)
        {
            let place = (commit.stream, commit.sequence);
            self.causes.entry(cause).or_insert(place);
        }
        for (_, event) in events {
            let (part, parts) = (self.part, self.parts);
            let includes = |id: Uuid| is_in(&id.into_bytes(), part, parts);
            self.owners.apply(commit, event, includes, &mut |what| {
                found(Rule::UniqueIds, what);
            });
            match event {
                AnyEvent::Orders(event) => {
                    if includes_aggregate {
                        self.of_orders(aggregate, event, &mut found);
                    }
                    self.complete(event);
                }
                AnyEvent::Payment(PaymentEvent::PaymentCaptured { order_id, .. })
                    if self.includes(&order_id.0.into_bytes()) =>
                {
                    let paid_by = self.complete.get(order_id).map(PaymentId::to_string);
                    if paid_by.as_ref() != Some(&commit.aggregate_id) {
                        let place = (commit.stream, commit.sequence);
                        let payment = commit.aggregate_id.clone();
                        self.captured.insert(*order_id, (place, payment));
                    }
                }
                _ => {}
            }
        }
    }

    fn of_orders(
        &mut self,
        ticket: Key,
        event: &TicketOrdersEvent,
        found: &mut dyn FnMut(Rule, String),
    ) {
        let live = self.live.get(&ticket).copied();
        let Some(order) = event.order_id() else {
            return;
        };
        match event {
            TicketOrdersEvent::OrderPlaced { .. } => {
                if let Some((other, _)) = live {
                    found(
                        Rule::OneLiveOrder,
                        format!("order {order} was placed while order {other} has the ticket"),
                    );
                }
                self.live.insert(ticket, (order, false));
            }
            TicketOrdersEvent::OrderCompleted { .. } => {
                if live != Some((order, false)) {
                    found(
                        Rule::LiveOrderEnds,
                        format!("order {order} was paid, but is not live"),
                    );
                }
                self.live.insert(ticket, (order, true));
            }
            TicketOrdersEvent::OrderCancelled { reason, .. } => {
                // A paid order ends only with the loss of its money.
                let paid = *reason == CancelReason::PaymentLost;
                if live == Some((order, paid)) {
                    self.live.remove(&ticket);
                } else {
                    found(
                        Rule::LiveOrderEnds,
                        format!("order {order} was cancelled, but is not live"),
                    );
                }
            }
            TicketOrdersEvent::OrderAwaitingPayment { .. }
            | TicketOrdersEvent::PaymentRefused { .. }
            | TicketOrdersEvent::SaleClosed { .. } => {}
        }
    }

    fn complete(&mut self, event: &TicketOrdersEvent) {
        if let TicketOrdersEvent::OrderCompleted {
            order_id,
            payment_id,
            ..
        } = event
            && self.includes(&order_id.0.into_bytes())
        {
            self.complete.insert(*order_id, *payment_id);
            let payment = payment_id.to_string();
            if self
                .captured
                .get(order_id)
                .is_some_and(|(_, by)| *by == payment)
            {
                self.captured.remove(order_id);
            }
        }
    }

    /// Whether an expected commit or payment was not found.
    pub(super) fn has_missing(&self) -> bool {
        !self.causes.is_empty() || !self.captured.is_empty()
    }

    /// Applies a commit beyond the end, only to resolve what is missing.
    pub(super) fn resolve_missing(&mut self, commit: &Commit, events: &[(u64, AnyEvent)]) {
        self.causes.remove(&commit.commit_id.into_bytes());
        for (_, event) in events {
            if let AnyEvent::Orders(event) = event {
                self.complete(event);
            }
        }
    }

    /// Reports what is still missing at the end.
    pub(super) fn finish(self, report: &mut dyn FnMut(Finding)) {
        let mut missing: Vec<Finding> = Vec::new();
        for (cause, (stream, sequence)) in self.causes {
            let cause = Uuid::from_bytes(cause);
            let what = format!("its cause, commit {cause}, is not in the log");
            missing.push(finding(stream, sequence, Rule::CausationPresent, what));
        }
        for (order, ((stream, sequence), payment)) in self.captured {
            let what = format!(
                "payment {payment} took money for order {order}, which it did not complete"
            );
            missing.push(finding(stream, sequence, Rule::CapturedIsComplete, what));
        }
        missing.sort_by_key(|finding| (finding.stream, finding.sequence));
        missing.into_iter().for_each(report);
    }
}

fn is_in(key: &Key, part: u64, parts: u64) -> bool {
    parts == 1 || hash(key) % parts == part
}

fn aggregate_key(commit: &Commit) -> Key {
    let id = Uuid::parse_str(&commit.aggregate_id).map_or_else(
        // Not a UUID. Two IDs with the same hash would not be distinguished, with a probability of
        // 1 in 2^64 per pair.
        |_| u128::from(hash(&commit.aggregate_id)),
        |id| id.as_u128(),
    );
    // A ticket and its orders share an ID, but not a stream.
    (id ^ u128::from(hash(&commit.stream))).to_be_bytes()
}

/// The same in each run: the hasher's keys are fixed.
fn hash(value: &(impl std::hash::Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn small(version: u64) -> u32 {
    u32::try_from(version).unwrap_or(u32::MAX)
}
