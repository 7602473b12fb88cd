//! Fills the log directly, where the API would only take longer.

use anyhow::Result;
use chrono::Utc;
use cqrs_es::DomainEvent;
use domain::{Price, TicketId, Title, UserId, ticket::TicketEvent};
use event_streams::TICKETS;
use eventstore::{Log, LogConfig, Metadata, StreamName};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::time::Duration;
use uuid::Uuid;

/// Number of appends in flight.
const IN_FLIGHT: usize = 256;

/// An event to append, and its place.
pub struct PendingAppend<E> {
    pub aggregate: (&'static str, Uuid),
    pub version: u64,
    pub event: E,
    /// Sequence of the aggregate's last commit.
    pub expected: u64,
}

/// Connects to a log and creates its streams.
pub async fn open_log(url: &str) -> Result<Log> {
    let config = LogConfig {
        url: url.to_owned(),
        // Filling keeps many appends in flight.
        answer_timeout: Duration::from_secs(20),
        client_name: "bench".to_owned(),
        ..event_streams::config()
    };
    Ok(Log::open(config).await?)
}

/// Appends one commit per entry; returns the sequences, in the order of the entries.
pub async fn append<E>(
    log: &Log,
    stream: StreamName,
    entries: impl IntoIterator<Item = PendingAppend<E>>,
) -> Result<Vec<u64>>
where
    E: DomainEvent,
{
    let sequences = stream::iter(entries)
        .map(|entry| async move {
            let (kind, id) = entry.aggregate;
            let (id, now) = (id.to_string(), Utc::now());
            let request = Uuid::now_v7().to_string();
            let metadata = Metadata::of_request(Uuid::now_v7(), request, &*id, now);
            let (aggregate, events) = ((kind, id.as_str()), [entry.event]);
            log.importer()
                .append_events(
                    stream,
                    aggregate,
                    entry.version,
                    &events,
                    &metadata,
                    entry.expected,
                )
                .await
        })
        .buffered(IN_FLIGHT)
        .try_collect()
        .await?;
    Ok(sequences)
}

/// Lists new tickets; returns their IDs and sequences.
pub async fn list_tickets(log: &Log, count: usize) -> Result<Vec<(Uuid, u64)>> {
    let ids: Vec<Uuid> = (0..count).map(|_| Uuid::now_v7()).collect();
    let entries = ids.iter().zip(0_u64..).map(|(id, n)| PendingAppend {
        aggregate: ("ticket", *id),
        version: 0,
        event: listed(*id, n),
        expected: 0,
    });
    let entries: Vec<_> = entries.collect();
    let sequences = append(log, TICKETS, entries).await?;
    Ok(ids.into_iter().zip(sequences).collect())
}

/// A listing. Titles and prices vary realistically.
fn listed(id: Uuid, n: u64) -> TicketEvent {
    TicketEvent::TicketListed {
        ticket_id: TicketId(id),
        seller: UserId(Uuid::from_u128(u128::from(n % 1_000))),
        title: title(n),
        price: price(n),
    }
}

/// The title of the n-th ticket.
pub fn title(n: u64) -> Title {
    let text = format!("Turnstile at the Roundhouse, seat {n}");
    Title::parse(&text).unwrap_or_else(|error| unreachable!("{text}: {error}"))
}

/// The price of the n-th ticket.
pub fn price(n: u64) -> Price {
    let cents = 1_000 + n % 90_000;
    Price::from_cents(cents).unwrap_or_else(|error| unreachable!("{cents}: {error}"))
}
