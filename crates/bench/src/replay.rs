//! Replays a stream through a fold, compared with an ordered consumer that only counts.

use anyhow::{Context, Result, ensure};
use async_nats::jetstream::{self, consumer::pull};
use cqrs_es::Aggregate;
use domain::{
    OrderId,
    ticket::{Ticket, TicketEvent},
};
use event_streams::TICKETS;
use eventstore::Log;
use futures_util::StreamExt;
use std::{collections::HashMap, hint::black_box, time::Instant};
use uuid::Uuid;

use crate::{
    context::Bench,
    cpu::Processes,
    fill::{self, PendingAppend},
    rounds::Comparison,
    sample::Sample,
};

const TARGET: f64 = 0.6;

/// Measures it on the tickets in a log, after adding more events to them.
pub fn measure(
    bench: &mut Bench,
    log: &Log,
    nats_url: &str,
    tickets: &[(Uuid, u64)],
    processes: &Processes,
) -> Result<()> {
    let runtime = &bench.runtime;
    runtime.block_on(continue_lives(log, tickets, bench.scale.replayed))?;
    let commits = runtime.block_on(log.reader().last_sequence(TICKETS))?;
    let jetstream = runtime.block_on(async {
        let client = async_nats::connect(nats_url).await?;
        anyhow::Ok(jetstream::new(client))
    })?;
    let comparison = Comparison {
        name: "replay through a fold",
        target: Some(TARGET),
        rounds: bench.scale.rounds,
        processes,
    };
    let mut row = comparison.run(
        || Ok(()),
        || runtime.block_on(fold(log, tickets.len())),
        || runtime.block_on(count(&jetstream, commits)),
    )?;
    let subjects = tickets.len();
    row.notes
        .push(format!("{commits} commits of {subjects} tickets"));
    bench.report.add(row);
    Ok(())
}

/// Adds orders and cancellations until the stream has this many commits.
async fn continue_lives(log: &Log, tickets: &[(Uuid, u64)], commits: u64) -> Result<()> {
    let mut last: Vec<u64> = tickets.iter().map(|(_, sequence)| *sequence).collect();
    for version in 1.. {
        let there = log.reader().last_sequence(TICKETS).await?;
        let missing = usize::try_from(commits.saturating_sub(there))?;
        if missing == 0 {
            return Ok(());
        }
        let entries = tickets.iter().zip(&last).take(missing);
        let entries = entries.map(|((id, _), sequence)| PendingAppend {
            aggregate: ("ticket", *id),
            version,
            event: next_event(*id, version),
            expected: *sequence,
        });
        let entries: Vec<_> = entries.collect();
        for (i, sequence) in fill::append(log, TICKETS, entries)
            .await?
            .into_iter()
            .enumerate()
        {
            last[i] = sequence;
        }
    }
    Ok(())
}

fn next_event(ticket: Uuid, version: u64) -> TicketEvent {
    let (order_id, orders_version) = (OrderId(ticket), version);
    if version % 2 == 1 {
        TicketEvent::TicketReserved {
            order_id,
            orders_version,
        }
    } else {
        TicketEvent::TicketReleased {
            order_id,
            orders_version,
        }
    }
}

/// Ours: decodes every commit and applies it to its ticket.
async fn fold(log: &Log, tickets: usize) -> Result<Sample> {
    let began = Instant::now();
    let mut commits = Box::pin(log.reader().range(TICKETS, 1, u64::MAX).await?);
    let mut state: HashMap<String, Ticket> = HashMap::with_capacity(tickets);
    let mut count = 0;
    while let Some(commit) = commits.next().await {
        let commit = commit?;
        let events = commit.decode::<TicketEvent>()?;
        let ticket = state.entry(commit.aggregate_id).or_default();
        for (_, event) in events {
            ticket.apply(event);
        }
        count += 1;
    }
    let took = began.elapsed();
    ensure!(
        state.len() == tickets,
        "{} tickets were replayed",
        state.len()
    );
    Ok(Sample::counted(count, took))
}

/// Raw: receives every message.
async fn count(jetstream: &jetstream::Context, commits: u64) -> Result<Sample> {
    let began = Instant::now();
    let stream = jetstream.get_stream(TICKETS.as_str()).await?;
    let consumer = stream
        .create_consumer(pull::OrderedConfig {
            max_batch: 2_000,
            ..pull::OrderedConfig::default()
        })
        .await?;
    let mut messages = consumer.messages().await?;
    for _ in 0..commits {
        let message = messages.next().await.context("the consumer ended")??;
        black_box(message.payload.len());
    }
    Ok(Sample::counted(commits, began.elapsed()))
}
