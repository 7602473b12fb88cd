//! Selects and runs the measurements, and starts their servers.

use anyhow::{Context, Result};
use clap::ValueEnum;
use devservers::tools;
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use crate::{
    context::{Bench, FULL, QUICK},
    cpu::Processes,
    export, fill, load,
    machine::{Machine, cores},
    orders, reads, rebuild, replay,
    report::{BenchReport, RunSettings},
    servers,
    site::Site,
    start, tickets,
};

/// The options of a run.
#[derive(clap::Args)]
pub struct Options {
    /// The program to measure, built in release mode.
    #[arg(long)]
    turnstile: PathBuf,
    /// A folder for the servers' data; emptied before and removed after.
    #[arg(long)]
    work_dir: PathBuf,
    /// The file for the results, as JSON.
    #[arg(long)]
    json: PathBuf,
    /// Fewer and shorter rounds, smaller logs.
    #[arg(long)]
    quick: bool,
    /// Only these measurements; all by default.
    #[arg(long, value_enum)]
    only: Vec<Measure>,
    /// When NATS writes to the disk.
    #[arg(long, value_enum, default_value_t = Sync::Default)]
    sync: Sync,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measure {
    /// GET of the list and of single tickets.
    Reads,
    /// POST of tickets.
    Tickets,
    /// POST of orders.
    Orders,
    /// Rebuild of a read model.
    Rebuild,
    /// Replay through a fold.
    Replay,
    /// Start with a long log.
    Start,
    /// Export of a long log to files, and its replay.
    Export,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sync {
    /// Every two minutes.
    Default,
    /// Before each acknowledgement.
    Always,
}

/// Runs the selected measurements; fails when a response was wrong, not when a target is missed.
pub fn run(options: &Options) -> Result<ExitCode> {
    let (nats, mongod) = (tools::nats_server()?, tools::mongod()?);
    let machine = Machine::inspect(&nats, &mongod);
    machine.print();
    let sync_always = options.sync == Sync::Always;
    let settings = RunSettings {
        quick: options.quick,
        nats_sync: if sync_always { "always" } else { "2 minutes" },
        connections: load::CONNECTIONS,
    };
    let mut bench = Bench {
        scale: if options.quick { QUICK } else { FULL },
        report: BenchReport::new(machine, settings),
        runtime: tokio::runtime::Builder::new_multi_thread()
            .worker_threads(cores())
            .enable_all()
            .build()?,
    };
    let folder = empty(&options.work_dir)?;
    let measured = measure_all(&mut bench, options, &folder, sync_always);
    // Results up to a failure are worth printing.
    bench.report.print();
    bench.report.write(&options.json)?;
    measured?;
    fs::remove_dir_all(&folder)?;
    println!("\n{}", options.json.display());
    Ok(if bench.report.is_sound() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn measure_all(
    bench: &mut Bench,
    options: &Options,
    folder: &Path,
    sync_always: bool,
) -> Result<()> {
    let wanted = |measure| options.only.is_empty() || options.only.contains(&measure);
    let any = |measures: &[Measure]| measures.iter().any(|measure| wanted(*measure));
    let program = options
        .turnstile
        .canonicalize()
        .with_context(|| format!("there is no {}", options.turnstile.display()))?;

    if any(&[Measure::Reads, Measure::Tickets, Measure::Orders]) {
        let site = Site::start(&program, folder, sync_always, &bench.runtime)?;
        site.processes.wait_until_quiet();
        if let Some(memory) = site.memory() {
            bench.report.figure("memory, idle", memory, "MiB");
        }
        // Reads first: they need exactly a hundred tickets for sale.
        if wanted(Measure::Reads) {
            reads::measure(bench, &site, folder)?;
        }
        if wanted(Measure::Tickets) {
            tickets::measure(bench, &site)?;
        }
        if wanted(Measure::Orders) {
            orders::measure(bench, &site)?;
        }
        site.processes.wait_until_quiet();
        if let Some(memory) = site.memory() {
            bench.report.figure("memory, after the load", memory, "MiB");
        }
        site.end()?;
    }
    if any(&[Measure::Rebuild, Measure::Replay]) {
        measure_log(bench, folder, &wanted)?;
    }
    if wanted(Measure::Start) {
        start::measure(bench, &program, folder, sync_always)?;
    }
    if wanted(Measure::Export) {
        export::measure(bench, &program, folder)?;
    }
    Ok(())
}

/// The measurements that need a log, but no running program.
fn measure_log(bench: &mut Bench, folder: &Path, wanted: &impl Fn(Measure) -> bool) -> Result<()> {
    // Filling it is no part of the measurement, so it may be fast.
    let nats = servers::nats(&folder.join("log").join("nats"), false)?;
    let log = bench.runtime.block_on(fill::open_log(nats.url()))?;
    let tickets = fill::list_tickets(&log, bench.scale.rebuilt);
    let tickets = bench.runtime.block_on(tickets)?;
    let processes = Processes::with_load().and("nats", nats.pid());
    if wanted(Measure::Rebuild) {
        let mongodb = servers::mongodb(&folder.join("log").join("mongodb"))?;
        let processes = processes.clone().and("mongodb", mongodb.pid());
        rebuild::measure(bench, &log, mongodb.url(), &processes)?;
        mongodb.terminate()?;
    }
    if wanted(Measure::Replay) {
        replay::measure(bench, &log, nats.url(), &tickets, &processes)?;
    }
    bench.runtime.block_on(log.close());
    nats.terminate()
}

/// Creates an empty folder of that name.
fn empty(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    Ok(folder.canonicalize()?)
}
