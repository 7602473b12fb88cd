//! Exports and replays a long log with the real program, compared with an ordered consumer that
//! only counts; and measures the memory.

use anyhow::{Context, Result, ensure};
use async_nats::jetstream::{self, consumer::pull};
use chrono::TimeDelta;
use event_streams::{ORDERS, PAYMENTS, TICKETS};
use eventstore::{Log, StreamName};
use futures_util::StreamExt;
use simulator::{Plan, Simulation};
use std::{
    fs,
    hint::black_box,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    context::Bench, cpu::Processes, fill, report::Memory, rounds::Comparison, sample::Sample,
    servers,
};

const EXPORT_TARGET: f64 = 0.4;
const REPLAY_TARGET: f64 = 0.6;
/// The limit for the program's memory, in MiB.
const MEMORY: f64 = 200.0;
/// Interval at which a program's memory is read.
const LOOK: Duration = Duration::from_millis(10);

/// Measures it on a simulated season.
pub fn measure(bench: &mut Bench, program: &Path, folder: &Path) -> Result<()> {
    let nats = servers::nats(&folder.join("season").join("nats"), false)?;
    let log = bench.runtime.block_on(fill::open_log(nats.url()))?;
    let plan = Plan {
        sellers: 2_000,
        buyers: 60_000,
        // Slightly more than ten events per ticket.
        tickets: u32::try_from(bench.scale.season / 10)?,
        days: 180,
        ..Plan::default()
    };
    let began = Instant::now();
    let mut season = Simulation::new(plan);
    let written = simulator::write(&log, &mut season, false, |_| ());
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
    let processes = Processes::with_load()
        .and("nats", nats.pid())
        .and_children("turnstile");
    let tenth = plan.start + TimeDelta::days(i64::from(plan.days / 10));
    for task in tasks(folder) {
        let commits = bench.runtime.block_on(length(&log, task.streams))?;
        let make_room = || match fs::remove_dir_all(&task.out) {
            Err(error) if task.out.exists() => Err(error.into()),
            _ => Ok(()),
        };
        make_room()?;
        let until = ["--to".to_owned(), tenth.to_rfc3339()];
        let of_a_tenth = run(program, nats.url(), task.args.iter().chain(&until))?;
        let mut peak: f64 = 0.0;
        let comparison = Comparison {
            name: task.name,
            target: Some(task.target),
            rounds: bench.scale.rounds,
            processes: &processes,
        };
        let mut row = comparison.run(
            make_room,
            || {
                let began = Instant::now();
                peak = peak.max(run(program, nats.url(), &task.args)?);
                Ok(Sample::counted(commits, began.elapsed()))
            },
            || {
                bench
                    .runtime
                    .block_on(count(&jetstream, &log, task.streams))
            },
        )?;
        row.memory = Some(Memory {
            peak,
            peak_of_a_tenth: of_a_tenth,
            at_most: MEMORY,
        });
        bench.report.add(row);
    }
    bench.runtime.block_on(log.close());
    nats.terminate()
}

/// A command of the program.
struct Task {
    name: &'static str,
    target: f64,
    /// The streams that it reads.
    streams: &'static [StreamName],
    args: Vec<String>,
    /// Its output.
    out: PathBuf,
}

fn tasks(folder: &Path) -> [Task; 4] {
    let out = folder.join("exported");
    let page = folder.join("report.html");
    let export = |name, format| Task {
        name,
        target: EXPORT_TARGET,
        streams: &event_streams::ALL,
        args: words(&["export", "--format", format, "--out"], Some(&out)),
        out: out.clone(),
    };
    let replay = |name, streams, args| Task {
        name,
        target: REPLAY_TARGET,
        streams,
        args,
        out: out.clone(),
    };
    [
        export("export to Parquet", "parquet"),
        export("export to NDJSON", "ndjson"),
        replay(
            "replay of one fold",
            &[ORDERS],
            words(&["replay", "sales"], None),
        ),
        replay(
            "replay of eight folds, with plots",
            // No fold needs the users.
            &[TICKETS, ORDERS, PAYMENTS],
            words(&["report", "--out"], Some(&page)),
        ),
    ]
}

fn words(args: &[&str], out: Option<&Path>) -> Vec<String> {
    let out = out.map(|out| out.display().to_string());
    args.iter()
        .map(|arg| (*arg).to_owned())
        .chain(out)
        .collect()
}

/// Runs the program to its end; returns its peak memory, in MiB.
fn run<'a>(program: &Path, nats: &str, args: impl IntoIterator<Item = &'a String>) -> Result<f64> {
    let mut child = Command::new(program)
        .args(args)
        .env("NATS_URL", nats)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let mut peak = 0.0;
    loop {
        // The system records the peak, so polling misses at most the very end.
        if let Some(memory) = most_memory(&child) {
            peak = memory;
        }
        if let Some(status) = child.try_wait()? {
            ensure!(
                status.success(),
                "{} ended with {status}",
                program.display()
            );
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

/// The number of commits in these streams together.
async fn length(log: &Log, streams: &[StreamName]) -> Result<u64> {
    let mut commits = 0;
    for stream in streams {
        commits += log.reader().last_sequence(*stream).await?;
    }
    Ok(commits)
}

/// Raw: receives every message of these streams, one stream after another.
async fn count(
    jetstream: &jetstream::Context,
    log: &Log,
    streams: &[StreamName],
) -> Result<Sample> {
    let began = Instant::now();
    let mut all = 0;
    for stream in streams {
        all += count_one(
            jetstream,
            *stream,
            log.reader().last_sequence(*stream).await?,
        )
        .await?;
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
