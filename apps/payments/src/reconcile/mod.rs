//! Compares the log with the provider's records.

mod difference;

use domain::{
    Currency, OrderId, PaymentId, Price, TicketId,
    payment::{Payment, PaymentStatus},
    ticket_orders::{OrderStatus, TicketOrders},
};
use event_streams::{ORDERS, PAYMENTS};
use eventstore::{Log, Store, StoreError};
use futures_util::TryStreamExt;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    pin::pin,
};
use uuid::Uuid;

use self::difference::{described, difference};
use crate::provider::{IntentStatus, ListedIntent, ProviderBooks, ProviderError};

/// The result of a comparison.
#[derive(Debug, Default)]
pub struct Reconciliation {
    /// Payments in the log.
    pub payments: usize,
    /// Intents in the provider's records.
    pub intents: usize,
    /// Captured money that was not refunded, in cents, by currency, according to the provider.
    pub captured_cents: BTreeMap<String, u64>,
    /// Every difference.
    pub differences: Vec<Discrepancy>,
}

/// One payment on which log and provider differ.
#[derive(Debug)]
pub struct Discrepancy {
    /// The payment.
    pub payment_id: Uuid,
    /// Its state in the log.
    pub log: String,
    /// Its state at the provider.
    pub provider: String,
    /// The meaning, and what to do.
    pub meaning: &'static str,
}

impl fmt::Display for Discrepancy {
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

/// Why the comparison could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] StoreError),
    /// The provider can't be reached.
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

/// The state of one payment in the log.
struct Booked {
    status: PaymentStatus,
    order: Option<OrderStatus>,
    amount: Price,
    currency: Currency,
    reference: String,
}

/// Compares every payment in the log with every intent of the provider.
///
/// A payment that is in progress may be reported; it is gone when the comparison is repeated.
///
/// # Errors
/// When the log or the provider can't be read.
pub async fn reconcile(
    log: &Log,
    provider: &dyn ProviderBooks,
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
            let kept = intent.amount_cents.saturating_sub(intent.refunded_cents);
            *found
                .captured_cents
                .entry(intent.currency.clone())
                .or_default() += kept;
        }
        // A payment can have a second intent if the provider opened and forgot its first one. The
        // one in the log counts; any other must hold nothing, like an unknown one.
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
            &mut found.differences,
        );
    }
    for (id, payment) in booked.iter().filter(|(id, _)| !seen.contains(*id)) {
        compare(*id, Some(payment), None, &mut found.differences);
    }
    Ok(found)
}

async fn read_log(log: &Log) -> Result<BTreeMap<Uuid, Booked>, StoreError> {
    let payments: Store<Payment> = log.store(PAYMENTS);
    let orders: Store<TicketOrders> = log.store(ORDERS);
    let mut ids = BTreeSet::new();
    let mut commits = pin!(log.reader().range(PAYMENTS, 1, u64::MAX).await?);
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
                currency: begun.currency,
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

async fn read_provider(provider: &dyn ProviderBooks) -> Result<Vec<ListedIntent>, ProviderError> {
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
    differences: &mut Vec<Discrepancy>,
) {
    let Some(meaning) = difference(booked, intent) else {
        return;
    };
    differences.push(Discrepancy {
        payment_id: id,
        log: booked.map_or_else(
            || "nothing".to_owned(),
            |b| {
                let (amount, currency) = (b.amount, b.currency);
                format!(
                    "{:?} of {amount} ({currency}) for an order {:?}",
                    b.status, b.order
                )
            },
        ),
        provider: intent.map_or_else(|| "nothing".to_owned(), described),
        meaning,
    });
}
