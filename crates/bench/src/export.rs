//! Exporting and replaying a long log with the real program, beside an ordered consumer that only
//! counts; and how much memory that takes.

use anyhow::{Context, Result, ensure};
use async_nats::jetstream::{self, consumer::pull};
use eventstore::{EVENT_STREAMS, Log, ORDERS, PAYMENTS, StreamName, TICKETS};
use futures_util::StreamExt;
use season::{Plan, Season};
use std::{
    fs,
    hint::black_box,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{cpu::Processes, fill, rounds::Comparison, run::Bench, sample::Sample, servers};

const EXPORT_TARGET: f64 = 0.4;
const REPLAY_TARGET: f64 = 0.6;
/// What the program's memory is bounded by, in MiB.
const MEMORY: f64 = 200.0;
/// How often the memory of a program is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Measures it on a made-up season.
pub fn measure(bench: &mut Bench, program: &Path, folder: &Path) -> Result<()> {
    let nats = servers::nats(&folder.join("season").join("nats"), false)?;
    let log = bench.runtime.block_on(fill::open_log(nats.url()))?;
    let plan = Plan {
        sellers: 2_000,
        buyers: 60_000,
        // A bit more than ten events come of a ticket.
        tickets: u32::try_from(bench.scale.season / 10)?,
        days: 180,
        ..Plan::default()
    };
    let began = Instant::now();
    let mut season = Season::new(plan);
    let written = season::write(&log, &mut season, false, |_| ());
    let tally = bench.runtime.block_on(written)?;
    let took = began.elapsed().as_secs_f64();
    bench
        .report
        .figure("simulate: events", whole(tally.events), "events");
    bench
        .report
        .figure("simulate: rate", whole(tally.events) / took, "events/s");
    let jetstream = bench
        .runtime
        .block_on(async { anyhow::Ok(jetstream::new(async_nats::connect(nats.url()).await?)) })?;
    let processes = Processes::with_load().and("nats", nats.pid());
    let out = folder.join("exported");
    let all = &EVENT_STREAMS[..];
    // No fold needs the users.
    let without_users = &[TICKETS, ORDERS, PAYMENTS][..];
    let tasks = [
        (
            "export to Parquet",
            EXPORT_TARGET,
            all,
            export(&out, "parquet"),
        ),
        (
            "export to NDJSON",
            EXPORT_TARGET,
            all,
            export(&out, "ndjson"),
        ),
        (
            "replay of eight folds",
            REPLAY_TARGET,
            without_users,
            report(folder),
        ),
    ];
    for (name, target, streams, args) in tasks {
        let commits = bench.runtime.block_on(length(&log, streams))?;
        let mut peak: f64 = 0.0;
        let comparison = Comparison {
            name,
            target: Some(target),
            rounds: bench.scale.rounds,
            processes: &processes,
        };
        let mut row = comparison.run(
            || match fs::remove_dir_all(&out) {
                Err(error) if out.exists() => Err(error.into()),
                _ => Ok(()),
            },
            || {
                let began = Instant::now();
                peak = peak.max(run(program, nats.url(), &args)?);
                Ok(Sample::counted(commits, began.elapsed()))
            },
            || bench.runtime.block_on(count(&jetstream, &log, streams)),
        )?;
        let bound = if peak <= MEMORY { "within" } else { "ABOVE" };
        row.notes
            .push(format!("peak memory {peak:.0} MiB, {bound} {MEMORY:.0}"));
        bench.report.add(row);
    }
    bench.runtime.block_on(log.close());
    nats.terminate()
}

fn export(out: &Path, format: &str) -> Vec<String> {
    let out = out.display().to_string();
    ["export", "--format", format, "--out", &out]
        .map(str::to_owned)
        .to_vec()
}

fn report(folder: &Path) -> Vec<String> {
    let out = folder.join("report.html").display().to_string();
    ["report", "--out", &out].map(str::to_owned).to_vec()
}

/// Runs the program to its end; gives the most memory that it had, in MiB.
fn run(program: &Path, nats: &str, args: &[String]) -> Result<f64> {
    let mut child = Command::new(program)
        .args(args)
        .env("NATS_URL", nats)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let mut peak = 0.0;
    loop {
        // The system remembers the most there was, so looking seldom misses only the very end.
        if let Some(memory) = most_memory(&child) {
            peak = memory;
        }
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "{} ended with {status}", args[0]);
            return Ok(peak);
        }
        thread::sleep(LOOK);
    }
}

/// The peak of a process's resident memory so far, in MiB.
fn most_memory(child: &Child) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes / 1_024.0)
}

/// How many commits these streams have together.
async fn length(log: &Log, streams: &[StreamName]) -> Result<u64> {
    let mut commits = 0;
    for stream in streams {
        commits += log.last_sequence(*stream).await?;
    }
    Ok(commits)
}

/// Raw: every message of these streams arrives, one stream after another.
async fn count(
    jetstream: &jetstream::Context,
    log: &Log,
    streams: &[StreamName],
) -> Result<Sample> {
    let began = Instant::now();
    let mut all = 0;
    for stream in streams {
        all += count_one(jetstream, *stream, log.last_sequence(*stream).await?).await?;
    }
    Ok(Sample::counted(all, began.elapsed()))
}

async fn count_one(
    jetstream: &jetstream::Context,
    stream: StreamName,
    commits: u64,
) -> Result<u64> {
    let consumer = jetstream
        .get_stream(stream.as_str())
        .await?
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
    Ok(commits)
}

#[allow(clippy::cast_precision_loss)] // nobody reads so many digits
fn whole(number: u64) -> f64 {
    number as f64
}
