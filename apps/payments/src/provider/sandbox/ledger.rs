//! The sandbox's rules: what every intent holds, as a fold of the journal's entries.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::cards::{Card, card_of};
use crate::provider::{
    Authorization, Intent, IntentStatus, ListedIntent, Page, ProviderError, ProviderRef, Token,
};

/// How many intents a page of [`Ledger::list`] has; the same as the most that Stripe gives.
const PAGE_SIZE: usize = 100;
/// When to come back after the card that simulates a provider out of reach.
const RETRY_AFTER: std::time::Duration = std::time::Duration::from_secs(1);
const REFERENCE_PREFIX: &str = "sandbox_pi_";

/// One line of the journal: something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub at: DateTime<Utc>,
    pub payment_id: Uuid,
    #[serde(flatten)]
    pub event: Event,
}

/// What happened to an intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    Opened {
        order_id: Uuid,
        amount_cents: u64,
        currency: String,
    },
    Authorized {
        attempt: String,
    },
    Captured,
    Voided,
}

struct Held {
    order_id: Uuid,
    amount_cents: u64,
    currency: String,
    status: IntentStatus,
}

/// All intents, in memory. What it decides is in `pending` until the journal has it.
#[derive(Default)]
pub(super) struct Ledger {
    intents: HashMap<Uuid, Held>,
    /// The payments in the order they were opened, for listing.
    opened: Vec<Uuid>,
    pending: Vec<Entry>,
}

impl Ledger {
    /// Folds one entry in. The error says why the entry can't follow those before it.
    pub(super) fn apply(&mut self, entry: Entry) -> Result<(), String> {
        let id = entry.payment_id;
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
                });
                self.opened.push(id);
                Ok(())
            }
            (Slot::Occupied(mut slot), event) => {
                let held = slot.get_mut();
                held.status = match (held.status, event) {
                    (IntentStatus::Open, Event::Authorized { .. }) => IntentStatus::Authorized,
                    (IntentStatus::Authorized, Event::Captured) => IntentStatus::Captured,
                    (IntentStatus::Open | IntentStatus::Authorized, Event::Voided) => {
                        IntentStatus::Voided
                    }
                    (status, event) => {
                        return Err(format!(
                            "{event:?} of an intent that is {}",
                            status.as_str()
                        ));
                    }
                };
                Ok(())
            }
            (Slot::Vacant(_), event) => Err(format!("{event:?} of an intent never opened")),
        }
    }

    /// The entries decided since the last call, in order.
    pub(super) fn take_pending(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.pending)
    }

    pub(super) fn open(&mut self, intent: &Intent) -> Result<ProviderRef, ProviderError> {
        if let Some(held) = self.intents.get(&intent.payment_id) {
            let same = held.order_id == intent.order_id
                && held.amount_cents == intent.amount_cents
                && held.currency == intent.currency;
            if !same {
                return rejected("the payment was opened before with other particulars");
            }
        } else {
            if intent.amount_cents == 0 {
                return Err(ProviderError::Unpayable {
                    reason: "Amount must be greater than 0".to_owned(),
                });
            }
            self.record(
                intent.payment_id,
                Event::Opened {
                    order_id: intent.order_id,
                    amount_cents: intent.amount_cents,
                    currency: intent.currency.clone(),
                },
            )?;
        }
        Ok(reference_of(intent.payment_id))
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
            // A decline leaves no trace: the same card declines again the same way, so a repeated
            // attempt gets the same answer without being remembered.
            IntentStatus::Open => match card_of(token)? {
                Card::Declines(reason) => Ok(Authorization::Declined {
                    reason: reason.to_owned(),
                }),
                Card::Unreachable => Err(ProviderError::Unreachable {
                    reason: "the token asks the sandbox to be unreachable".to_owned(),
                    retry_after: RETRY_AFTER,
                }),
                Card::Accepts => {
                    self.record(
                        id,
                        Event::Authorized {
                            attempt: attempt_key.to_owned(),
                        },
                    )?;
                    Ok(Authorization::Authorized)
                }
            },
        }
    }

    pub(super) fn capture(&mut self, reference: &ProviderRef) -> Result<(), ProviderError> {
        match self.find(reference)? {
            (id, IntentStatus::Authorized) => self.record(id, Event::Captured),
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

    /// A page in the order of opening; the cursor is the place of the page's first intent.
    pub(super) fn list(&self, cursor: Option<&str>) -> Result<Page, ProviderError> {
        let Ok(start) = cursor.unwrap_or("0").parse::<usize>() else {
            return rejected("the cursor is not one that was given");
        };
        let intents: Vec<_> = self
            .opened
            .iter()
            .skip(start)
            .take(PAGE_SIZE)
            .filter_map(|id| self.intents.get(id).map(|held| (*id, held)))
            .map(|(payment_id, held)| ListedIntent {
                payment_id,
                reference: reference_of(payment_id),
                status: held.status,
                amount_cents: held.amount_cents,
                currency: held.currency.clone(),
            })
            .collect();
        let end = start.saturating_add(PAGE_SIZE);
        let next = (end < self.opened.len()).then(|| end.to_string());
        Ok(Page { intents, next })
    }

    fn find(&self, reference: &ProviderRef) -> Result<(Uuid, IntentStatus), ProviderError> {
        reference
            .as_str()
            .strip_prefix(REFERENCE_PREFIX)
            .and_then(|id| Uuid::try_parse(id).ok())
            .and_then(|id| self.intents.get(&id).map(|held| (id, held.status)))
            .map_or_else(|| rejected(&format!("no such intent: '{reference}'")), Ok)
    }

    fn record(&mut self, payment_id: Uuid, event: Event) -> Result<(), ProviderError> {
        let entry = Entry {
            at: Utc::now(),
            payment_id,
            event,
        };
        self.apply(entry.clone())
            .or_else(|problem| rejected(&problem))?;
        self.pending.push(entry);
        Ok(())
    }
}

fn reference_of(payment_id: Uuid) -> ProviderRef {
    ProviderRef::new(format!("{REFERENCE_PREFIX}{}", payment_id.simple()))
}

fn rejected<T>(message: &str) -> Result<T, ProviderError> {
    Err(ProviderError::Rejected {
        message: message.to_owned(),
    })
}
