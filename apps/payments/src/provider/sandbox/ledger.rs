//! The sandbox's rules: the state of every intent, as a fold of the journal's entries.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::cards::{Card, Later, card_of};
use crate::provider::{
    Authorization, Intent, IntentPage, IntentStatus, ListedIntent, ProviderError, ProviderRef,
    Token,
};

/// Number of intents on a page of [`Ledger::list`]; the same as Stripe's maximum.
const PAGE_SIZE: usize = 100;
/// When to retry after the card that simulates an unreachable provider.
const RETRY_AFTER: std::time::Duration = std::time::Duration::from_secs(1);
/// The largest charge: eight digits.
const MOST_CENTS: u64 = domain::MAX_PRICE_CENTS;
const REFERENCE_PREFIX: &str = "sandbox_pi_";

/// One line of the journal: an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LedgerEntry {
    pub at: DateTime<Utc>,
    pub payment_id: Uuid,
    #[serde(default, skip_serializing_if = "is_first")]
    pub attempt: u32,
    #[serde(flatten)]
    pub event: Event,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
fn is_first(attempt: &u32) -> bool {
    *attempt == 0
}

/// The events of an intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    Opened {
        order_id: Uuid,
        amount_cents: u64,
        currency: String,
    },
    Authorized {
        /// The buyer's attempt.
        key: String,
        /// The card's behavior at the capture.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        later: Option<Later>,
    },
    Captured,
    Voided,
    Refunded {
        amount_cents: u64,
    },
    Disputed,
}

/// The identity of an intent: its payment, and the number of that payment's intents that were
/// closed before.
type Id = (Uuid, u32);

struct Held {
    order_id: Uuid,
    amount_cents: u64,
    currency: String,
    status: IntentStatus,
    later: Option<Later>,
    refunded_cents: u64,
    disputed: bool,
}

/// All intents, in memory. Decisions are in `pending` until the journal has them.
#[derive(Default)]
pub(super) struct Ledger {
    intents: HashMap<Id, Held>,
    /// The intents in the order in which they were opened, for listing.
    opened: Vec<Id>,
    pending: Vec<LedgerEntry>,
}

impl Ledger {
    /// Applies one entry. The error states why it can't follow those before it.
    pub(super) fn apply(&mut self, entry: LedgerEntry) -> Result<(), String> {
        let id = (entry.payment_id, entry.attempt);
        match (self.intents.entry(id), entry.event) {
            (
                Slot::Vacant(slot),
                Event::Opened {
                    order_id,
                    amount_cents,
                    currency,
                },
            ) => {
                let status = IntentStatus::Open;
                slot.insert(Held {
                    order_id,
                    amount_cents,
                    currency,
                    status,
                    later: None,
                    refunded_cents: 0,
                    disputed: false,
                });
                self.opened.push(id);
                Ok(())
            }
            (Slot::Occupied(mut slot), event) => {
                let held = slot.get_mut();
                held.status = match (held.status, event) {
                    (IntentStatus::Open, Event::Authorized { later, .. }) => {
                        held.later = later;
                        IntentStatus::Authorized
                    }
                    (IntentStatus::Captured, Event::Refunded { amount_cents }) => {
                        held.refunded_cents += amount_cents;
                        IntentStatus::Captured
                    }
                    (IntentStatus::Captured, Event::Disputed) => {
                        held.disputed = true;
                        IntentStatus::Captured
                    }
                    (IntentStatus::Authorized, Event::Captured) => IntentStatus::Captured,
                    (IntentStatus::Open | IntentStatus::Authorized, Event::Voided) => {
                        IntentStatus::Voided
                    }
                    (status, event) => {
                        return Err(format!("{event:?} of an intent that is {status}"));
                    }
                };
                Ok(())
            }
            (Slot::Vacant(_), event) => Err(format!("{event:?} of an intent never opened")),
        }
    }

    /// Takes the entries since the last call, in order.
    pub(super) fn take_pending(&mut self) -> Vec<LedgerEntry> {
        std::mem::take(&mut self.pending)
    }

    pub(super) fn open(&mut self, intent: &Intent) -> Result<ProviderRef, ProviderError> {
        let id = (intent.payment_id, intent.attempt);
        if let Some(held) = self.intents.get(&id) {
            let same = held.order_id == intent.order_id
                && held.amount_cents == intent.amount_cents
                && held.currency == intent.currency;
            if !same {
                return rejected("the payment was opened before with other particulars");
            }
        } else {
            check_amount(intent)?;
            self.record(
                id,
                Event::Opened {
                    order_id: intent.order_id,
                    amount_cents: intent.amount_cents,
                    currency: intent.currency.clone(),
                },
            )?;
        }
        Ok(reference_of(id))
    }

    pub(super) fn authorize(
        &mut self,
        reference: &ProviderRef,
        token: &Token,
        attempt_key: &str,
    ) -> Result<Authorization, ProviderError> {
        let (id, status) = self.find(reference)?;
        match status {
            IntentStatus::Authorized | IntentStatus::Captured => Ok(Authorization::Authorized),
            IntentStatus::Voided => Ok(Authorization::Voided),
            // A decline is not recorded: the same card declines again in the same way, so a
            // repeated attempt has the same result anyway.
            IntentStatus::Open => match card_of(token)? {
                Card::Declines(reason) => Ok(Authorization::Declined {
                    reason: reason.to_owned(),
                }),
                Card::Unreachable => Err(ProviderError::Unreachable {
                    reason: "the token asks the sandbox to be unreachable".to_owned(),
                    retry_after: RETRY_AFTER,
                }),
                // As if it had been closed in the provider's dashboard; the next one is left alone,
                // so that the same card can pay then.
                Card::ClosesTheFirstIntent if id.1 == 0 => {
                    self.record(id, Event::Voided)?;
                    Ok(Authorization::Voided)
                }
                Card::ClosesTheFirstIntent | Card::Accepts => self.hold(id, attempt_key, None),
                Card::AcceptsAndThen(later) => self.hold(id, attempt_key, Some(later)),
            },
        }
    }

    fn hold(
        &mut self,
        id: Id,
        attempt_key: &str,
        later: Option<Later>,
    ) -> Result<Authorization, ProviderError> {
        let key = attempt_key.to_owned();
        self.record(id, Event::Authorized { key, later })?;
        Ok(Authorization::Authorized)
    }

    /// Captures the money, and applies the card's behavior after that.
    fn take(&mut self, id: Id) -> Result<(), ProviderError> {
        let held = self.intents.get(&id);
        let (later, cents) = held.map_or((None, 0), |held| (held.later, held.amount_cents));
        if later == Some(Later::Closed) {
            self.record(id, Event::Voided)?;
            return Err(ProviderError::AlreadyVoided);
        }
        self.record(id, Event::Captured)?;
        match later {
            Some(Later::Refunded) => self.record(
                id,
                Event::Refunded {
                    amount_cents: cents,
                },
            ),
            Some(Later::PartlyRefunded) => {
                let amount_cents = cents / 2;
                self.record(id, Event::Refunded { amount_cents })
            }
            Some(Later::Disputed) => self.record(id, Event::Disputed),
            Some(Later::Closed) | None => Ok(()),
        }
    }

    pub(super) fn capture(&mut self, reference: &ProviderRef) -> Result<(), ProviderError> {
        match self.find(reference)? {
            (id, IntentStatus::Authorized) => self.take(id),
            (_, IntentStatus::Captured) => Ok(()),
            (_, IntentStatus::Voided) => Err(ProviderError::AlreadyVoided),
            (_, IntentStatus::Open) => Err(ProviderError::NothingHeld),
        }
    }

    pub(super) fn void(&mut self, reference: &ProviderRef) -> Result<(), ProviderError> {
        match self.find(reference)? {
            (id, IntentStatus::Open | IntentStatus::Authorized) => self.record(id, Event::Voided),
            (_, IntentStatus::Voided) => Ok(()),
            (_, IntentStatus::Captured) => Err(ProviderError::AlreadyCaptured),
        }
    }

    pub(super) fn status(&self, reference: &ProviderRef) -> Result<IntentStatus, ProviderError> {
        self.find(reference).map(|(_, status)| status)
    }

    /// A page in the order of opening; the cursor is the position of the page's first intent.
    pub(super) fn list(&self, cursor: Option<&str>) -> Result<IntentPage, ProviderError> {
        let Ok(start) = cursor.unwrap_or("0").parse::<usize>() else {
            return rejected("the cursor is not one that was given");
        };
        let intents: Vec<_> = self
            .opened
            .iter()
            .skip(start)
            .take(PAGE_SIZE)
            .filter_map(|id| self.intents.get(id).map(|held| (*id, held)))
            .map(|(id, held)| ListedIntent {
                payment_id: id.0,
                reference: reference_of(id),
                refunded_cents: held.refunded_cents,
                disputed: held.disputed,
                status: held.status,
                amount_cents: held.amount_cents,
                currency: held.currency.clone(),
            })
            .collect();
        let end = start.saturating_add(PAGE_SIZE);
        let next = (end < self.opened.len()).then(|| end.to_string());
        Ok(IntentPage { intents, next })
    }

    fn find(&self, reference: &ProviderRef) -> Result<(Id, IntentStatus), ProviderError> {
        id_of(reference)
            .and_then(|id| self.intents.get(&id).map(|held| (id, held.status)))
            .map_or_else(|| rejected(&format!("no such intent: '{reference}'")), Ok)
    }

    fn record(&mut self, (payment_id, attempt): Id, event: Event) -> Result<(), ProviderError> {
        let entry = LedgerEntry {
            at: Utc::now(),
            payment_id,
            attempt,
            event,
        };
        self.apply(entry.clone())
            .or_else(|problem| rejected(&problem))?;
        self.pending.push(entry);
        Ok(())
    }
}

/// Like Stripe.
fn check_amount(intent: &Intent) -> Result<(), ProviderError> {
    let unpayable = |bound: &str, cents: u64| {
        let (whole, rest) = (cents / 100, cents % 100);
        Err(ProviderError::Unpayable {
            reason: format!(
                "Amount must be {bound} {whole}.{rest:02} {}",
                intent.currency
            ),
        })
    };
    let least = httpkit::config::smallest_charge(&intent.currency);
    if intent.amount_cents < least {
        return unpayable("at least", least);
    }
    if intent.amount_cents > MOST_CENTS {
        return unpayable("no more than", MOST_CENTS);
    }
    Ok(())
}

fn reference_of((payment_id, attempt): Id) -> ProviderRef {
    let id = payment_id.simple();
    ProviderRef::new(match attempt {
        0 => format!("{REFERENCE_PREFIX}{id}"),
        attempt => format!("{REFERENCE_PREFIX}{id}_{attempt}"),
    })
}

fn id_of(reference: &ProviderRef) -> Option<Id> {
    let id = reference.as_str().strip_prefix(REFERENCE_PREFIX)?;
    let (payment, attempt) = match id.split_once('_') {
        Some((payment, attempt)) => (payment, attempt.parse().ok()?),
        None => (id, 0),
    };
    Some((Uuid::try_parse(payment).ok()?, attempt))
}

fn rejected<T>(message: &str) -> Result<T, ProviderError> {
    Err(ProviderError::Rejected {
        message: message.to_owned(),
    })
}
