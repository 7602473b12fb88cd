//! Rebuilds a read model, compared with only writing the same documents.

use anyhow::{Result, ensure};
use event_streams::TICKETS;
use eventstore::Log;
use futures_util::TryStreamExt;
use projections::{Change, MongoStore, Projection, Runner, RunnerSettings};
use read_models::tickets::TicketsProjection;
use std::time::{Duration, Instant};

use crate::{
    context::Bench, cpu::Processes, raw_upserts::RawUpserts, rounds::Comparison, sample::Sample,
};

const TARGET: f64 = 0.6;
const FIRST_FILL: Duration = Duration::from_mins(10);

/// Measures it on a log of newly listed tickets.
pub fn measure(
    bench: &mut Bench,
    log: &Log,
    mongodb_url: &str,
    processes: &Processes,
) -> Result<()> {
    let runtime = &bench.runtime;
    let (runner, store, raw) = runtime.block_on(async {
        let changes = changes(log).await?;
        let raw = RawUpserts::new(mongodb_url, &TicketsProjection.indexes(), changes).await?;
        let store = MongoStore::connect(mongodb_url, "rebuilt").await?;
        let runner = Runner::start(TicketsProjection, log, &store, settings()).await?;
        let end = log.reader().last_sequence(TICKETS).await?;
        let filled = runner.progress().wait_for(TICKETS, end, FIRST_FILL).await;
        ensure!(filled, "the read model isn't filled: {}", runner.state());
        anyhow::Ok((runner, store, raw))
    })?;
    let comparison = Comparison {
        name: "rebuild of a read model",
        target: Some(TARGET),
        rounds: bench.scale.rounds,
        processes,
    };
    let mut row = comparison.run(
        || Ok(()),
        || runtime.block_on(rebuild(log, &store)),
        || runtime.block_on(raw.run()),
    )?;
    let commits = runtime.block_on(log.reader().last_sequence(TICKETS))?;
    row.notes.push(format!("{commits} documents"));
    bench.report.add(row);
    runtime.block_on(runner.stop());
    Ok(())
}

/// As in production, but the request is noticed at once: the delay is not part of the rebuild.
fn settings() -> RunnerSettings {
    RunnerSettings {
        renew: Duration::from_millis(50),
        ..RunnerSettings::default()
    }
}

/// Ours: from the request until the new collection has taken over.
async fn rebuild(log: &Log, store: &MongoStore) -> Result<Sample> {
    let commits = log.reader().last_sequence(TICKETS).await?;
    let began = Instant::now();
    projections::rebuild(store, &TicketsProjection.key(), |_| {}).await?;
    Ok(Sample::counted(commits, began.elapsed()))
}

/// The writes of the projection.
async fn changes(log: &Log) -> Result<Vec<(u64, Change)>> {
    let mut commits = Box::pin(log.reader().range(TICKETS, 1, u64::MAX).await?);
    let mut changes = Vec::new();
    while let Some(commit) = commits.try_next().await? {
        for change in TicketsProjection.fold(&commit)? {
            changes.push((commit.sequence, change));
        }
    }
    Ok(changes)
}
