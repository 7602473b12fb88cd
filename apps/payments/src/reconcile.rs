//! Comparing the log with the provider's books.

use domain::{
    OrderId, PaymentId, Price, TicketId,
    payment::{Payment, PaymentStatus},
    ticket_orders::{OrderStatus, TicketOrders},
};
use eventstore::{Log, ORDERS, PAYMENTS, Store, StoreError};
use futures_util::TryStreamExt;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    pin::pin,
};
use uuid::Uuid;

use crate::provider::{IntentStatus, ListedIntent, PaymentProvider, ProviderError};

/// What was compared, and where the two differ.
#[derive(Debug, Default)]
pub struct Reconciliation {
    /// Payments in the log.
    pub payments: usize,
    /// Intents in the provider's books.
    pub intents: usize,
    /// Money that was taken, in cents, as the provider has it.
    pub captured_cents: u64,
    /// Every difference.
    pub differences: Vec<Difference>,
}

/// One payment on which log and provider don't agree.
#[derive(Debug)]
pub struct Difference {
    /// Which payment.
    pub payment_id: Uuid,
    /// What the log says.
    pub log: String,
    /// What the provider says.
    pub provider: String,
    /// What that means, and what to do.
    pub meaning: &'static str,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            payment_id,
            log,
            provider,
            meaning,
        } = self;
        write!(
            f,
            "payment {payment_id}: log {log}, provider {provider}: {meaning}"
        )
    }
}

/// The comparison could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] StoreError),
    /// The provider can't be asked.
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

/// What the log says of one payment.
struct Booked {
    status: PaymentStatus,
    order: Option<OrderStatus>,
    amount: Price,
    reference: String,
}

/// Compares every payment in the log with every intent of the provider. `currency` is the one in
/// which cards are charged, as an intent has it (`usd`): prices in the log have none of their own.
///
/// A payment that is under way right now may be reported; it is gone when asked again.
///
/// # Errors
/// When the log or the provider can't be read.
pub async fn reconcile(
    log: &Log,
    provider: &dyn PaymentProvider,
    currency: &str,
) -> Result<Reconciliation, ReconcileError> {
    let booked = read_log(log).await?;
    let intents = read_provider(provider).await?;
    let mut found = Reconciliation {
        payments: booked.len(),
        intents: intents.len(),
        ..Reconciliation::default()
    };
    let mut seen = BTreeSet::new();
    for intent in &intents {
        if intent.status == IntentStatus::Captured {
            found.captured_cents += intent.amount_cents;
        }
        // A payment can have a second intent if its first was opened and forgotten by the
        // provider. The one in the log counts; any other must hold nothing, like a stranger's.
        let payment = booked
            .get(&intent.payment_id)
            .filter(|b| b.reference == intent.reference.as_str());
        if payment.is_some() {
            seen.insert(intent.payment_id);
        }
        compare(
            intent.payment_id,
            payment,
            Some(intent),
            currency,
            &mut found.differences,
        );
    }
    for (id, payment) in booked.iter().filter(|(id, _)| !seen.contains(*id)) {
        compare(*id, Some(payment), None, currency, &mut found.differences);
    }
    Ok(found)
}

async fn read_log(log: &Log) -> Result<BTreeMap<Uuid, Booked>, StoreError> {
    let payments: Store<Payment> = log.store(PAYMENTS);
    let orders: Store<TicketOrders> = log.store(ORDERS);
    let mut ids = BTreeSet::new();
    let mut commits = pin!(log.read(PAYMENTS, 1, u64::MAX).await?);
    while let Some(commit) = commits.try_next().await? {
        ids.insert(commit.aggregate_id);
    }
    let mut booked = BTreeMap::new();
    for id in ids {
        let payment = payments.load(&id).await?;
        let (Some(begun), Ok(id)) = (payment.state().begun(), id.parse::<PaymentId>()) else {
            continue;
        };
        let order = order_status(&orders, begun.ticket_id, begun.order_id).await?;
        booked.insert(
            id.0,
            Booked {
                status: begun.status,
                order,
                amount: begun.amount,
                reference: begun.reference.clone(),
            },
        );
    }
    Ok(booked)
}

async fn order_status(
    orders: &Store<TicketOrders>,
    ticket: TicketId,
    order: OrderId,
) -> Result<Option<OrderStatus>, StoreError> {
    let orders = orders.load(&ticket.to_string()).await?;
    Ok(orders.state().order(order).map(|order| order.status))
}

async fn read_provider(provider: &dyn PaymentProvider) -> Result<Vec<ListedIntent>, ProviderError> {
    let mut intents = Vec::new();
    let mut cursor = None;
    loop {
        let page = provider.list(cursor.as_deref()).await?;
        intents.extend(page.intents);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(intents);
        }
    }
}

fn compare(
    id: Uuid,
    booked: Option<&Booked>,
    intent: Option<&ListedIntent>,
    currency: &str,
    differences: &mut Vec<Difference>,
) {
    let Some(meaning) = difference(booked, intent, currency) else {
        return;
    };
    differences.push(Difference {
        payment_id: id,
        log: booked.map_or_else(
            || "nothing".to_owned(),
            |b| format!("{:?} of {} for an order {:?}", b.status, b.amount, b.order),
        ),
        provider: intent.map_or_else(
            || "nothing".to_owned(),
            |i| {
                let (status, cents) = (i.status.as_str(), i.amount_cents);
                format!("{status} of {cents} cents ({})", i.currency)
            },
        ),
        meaning,
    });
}

fn difference(
    booked: Option<&Booked>,
    intent: Option<&ListedIntent>,
    currency: &str,
) -> Option<&'static str> {
    let Some(intent) = intent else {
        return Some("the provider doesn't know this payment: are these its books?");
    };
    let Some(booked) = booked else {
        // An intent is opened before the payment is noted, and holds nothing until then.
        return match intent.status {
            IntentStatus::Open | IntentStatus::Voided => None,
            IntentStatus::Authorized | IntentStatus::Captured => {
                Some("money that no payment in the log accounts for: give it back by hand")
            }
        };
    };
    if booked.amount.cents() != intent.amount_cents {
        return Some("the amounts differ");
    }
    if intent.currency != currency {
        return Some("the currency isn't the one in which cards are charged");
    }
    let complete = booked.order == Some(OrderStatus::Complete);
    match (booked.status, intent.status) {
        (_, IntentStatus::Captured) if !complete => {
            Some("money was taken for an order that isn't complete: refund it by hand")
        }
        (PaymentStatus::Authorized | PaymentStatus::Pending, IntentStatus::Authorized)
            if booked.order == Some(OrderStatus::Cancelled) =>
        {
            Some("money is held for a cancelled order; a worker lets it go when it comes to it")
        }
        (PaymentStatus::Authorized, IntentStatus::Authorized) if complete => {
            Some("the order is complete and its money is only held; a worker takes it soon")
        }
        (PaymentStatus::Captured, IntentStatus::Captured)
        | (PaymentStatus::Voided, IntentStatus::Voided)
        | (PaymentStatus::Authorized, IntentStatus::Authorized)
        | (PaymentStatus::Pending, IntentStatus::Open) => None,
        (PaymentStatus::Pending, IntentStatus::Authorized) => {
            Some("money is held that the log doesn't know of; it is let go when the order ends")
        }
        (
            PaymentStatus::Authorized | PaymentStatus::Pending,
            IntentStatus::Captured | IntentStatus::Voided,
        ) => Some("the provider is ahead of the log; a worker notes it when it comes to it"),
        (PaymentStatus::Captured, _) => Some("the log has it taken, the provider has not"),
        (PaymentStatus::Voided, _) => Some("the log has it let go, the provider holds it"),
        (PaymentStatus::Authorized, IntentStatus::Open) => {
            Some("the log has it held, the provider has not")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::ProviderRef;

    fn booked(status: PaymentStatus, order: OrderStatus) -> Booked {
        Booked {
            status,
            order: Some(order),
            amount: Price::from_cents(1_999).unwrap(),
            reference: "pi_1".to_owned(),
        }
    }

    fn intent(status: IntentStatus, amount_cents: u64) -> ListedIntent {
        ListedIntent {
            payment_id: Uuid::nil(),
            reference: ProviderRef::new("pi_1"),
            status,
            amount_cents,
            currency: "usd".to_owned(),
        }
    }

    fn found(booked: Option<&Booked>, intent: Option<&ListedIntent>) -> Option<&'static str> {
        difference(booked, intent, "usd")
    }

    #[test]
    fn books_that_agree_have_no_difference() {
        for (log, order, books) in [
            (
                PaymentStatus::Captured,
                OrderStatus::Complete,
                IntentStatus::Captured,
            ),
            (
                PaymentStatus::Voided,
                OrderStatus::Cancelled,
                IntentStatus::Voided,
            ),
            (
                PaymentStatus::Authorized,
                OrderStatus::Created,
                IntentStatus::Authorized,
            ),
            (
                PaymentStatus::Pending,
                OrderStatus::AwaitingPayment,
                IntentStatus::Open,
            ),
        ] {
            assert_eq!(
                found(Some(&booked(log, order)), Some(&intent(books, 1_999))),
                None
            );
        }
    }

    #[test]
    fn money_kept_for_an_order_that_is_not_complete_is_found() {
        let kept = found(
            Some(&booked(PaymentStatus::Captured, OrderStatus::Cancelled)),
            Some(&intent(IntentStatus::Captured, 1_999)),
        );
        assert!(kept.unwrap().contains("isn't complete"));
    }

    #[test]
    fn money_that_the_log_does_not_know_is_found_and_an_unused_intent_is_not() {
        assert!(found(None, Some(&intent(IntentStatus::Captured, 1))).is_some());
        assert!(found(None, Some(&intent(IntentStatus::Authorized, 1))).is_some());
        assert!(found(None, Some(&intent(IntentStatus::Open, 1))).is_none());
    }

    #[test]
    fn another_amount_and_a_missing_intent_are_found() {
        let paid = booked(PaymentStatus::Captured, OrderStatus::Complete);
        assert!(found(Some(&paid), Some(&intent(IntentStatus::Captured, 1))).is_some());
        assert!(found(Some(&paid), None).is_some());
    }

    #[test]
    fn another_currency_is_found() {
        let paid = booked(PaymentStatus::Captured, OrderStatus::Complete);
        let books = intent(IntentStatus::Captured, 1_999);
        let meaning = difference(Some(&paid), Some(&books), "eur");
        assert!(meaning.unwrap().contains("currency"));
    }

    #[test]
    fn money_that_is_still_held_when_its_order_is_final_is_found() {
        let held = |log, order| {
            let books = intent(IntentStatus::Authorized, 1_999);
            found(Some(&booked(log, order)), Some(&books)).unwrap()
        };
        for log in [PaymentStatus::Authorized, PaymentStatus::Pending] {
            assert!(held(log, OrderStatus::Cancelled).contains("a cancelled order"));
        }
        let complete = held(PaymentStatus::Authorized, OrderStatus::Complete);
        assert!(complete.contains("only held"));
    }
}
