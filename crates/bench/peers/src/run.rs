//! The measurements: all stores in turn, round after round, on servers of their own.

use anyhow::{Context, Result, ensure};
use devservers::{NatsOptions, NatsServer};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{
    cpu::{Servers, Used},
    load::{AT_ONCE, Limits, Sample, Work},
    machine,
    postgres::{self, Postgres},
    report::{Details, OURS, Report, Row, Table, median},
    stores::{
        Accounts, Commands, decisions::Decisions, ours::Ours, pool::Database,
        postgres_es::PostgresEs, raw,
    },
};

/// The pools of the databases, and those of processes that have just started.
const POOLS: u32 = 8;
/// Events of the account that is loaded.
const LONG: u64 = 10_000;

#[derive(clap::Args)]
pub struct Options {
    /// Fewer and shorter rounds: an impression, not a result.
    #[arg(long)]
    quick: bool,
    /// Connections of each pool to PostgreSQL; the default is that of both stores' documentation.
    #[arg(long, default_value_t = 10)]
    connections: u32,
    /// The folder for the servers' data; another user may have to enter it.
    #[arg(long)]
    work_dir: PathBuf,
    /// The file for the results.
    #[arg(long)]
    json: PathBuf,
}

/// What an acknowledgment means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Durability {
    /// The server's process may end after it.
    Process,
    /// The power may fail after it.
    Power,
}

impl Durability {
    fn describe(self) -> &'static str {
        match self {
            Self::Process => {
                "acknowledged once the operating system has it (NATS: default; PostgreSQL: fsync=off)"
            }
            Self::Power => {
                "acknowledged once the disk has it (NATS: sync_interval: always; PostgreSQL: default)"
            }
        }
    }
}

/// How much is measured.
#[derive(Clone, Copy)]
struct Size {
    rounds: usize,
    on_new: Limits,
    on_one: Limits,
}

impl Size {
    fn new(quick: bool) -> Self {
        let (rounds, on_new, on_one) = if quick { (2, 1, 4) } else { (5, 4, 10) };
        Self {
            rounds,
            on_new: Limits {
                time: Duration::from_secs(on_new),
                commands: u64::MAX,
            },
            // The same number for all, since some stores read the whole account for each command
            // and become slower with every one. Few enough for them to finish, and enough for the
            // fastest to take a measurable time.
            on_one: Limits {
                time: Duration::from_secs(on_one),
                commands: 2_000,
            },
        }
    }
}

/// One store in a comparison.
struct Side<S: ?Sized> {
    name: &'static str,
    on: fn(Used) -> f64,
    store: Arc<S>,
}

/// Runs everything.
pub fn run(options: &Options) -> Result<()> {
    let programs = postgres::programs()?;
    let size = Size::new(options.quick);
    let mut report = Report {
        machine: machine::describe(&postgres::version(&programs)?)?,
        settings: vec![
            format!("{} commands at once", AT_ONCE),
            format!("{} connections per pool to PostgreSQL", options.connections),
            format!("{} rounds per store, in turn; medians", size.rounds),
        ],
        tables: Vec::new(),
    };
    for line in report.machine.iter().chain(&report.settings) {
        println!("{line}");
    }
    fs::create_dir_all(&options.work_dir)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    for durability in [Durability::Process, Durability::Power] {
        println!("\n== {}", durability.describe());
        // Removed at the end, when the servers are gone.
        let folder = folder(&options.work_dir)?;
        let nats = NatsServer::start(&NatsOptions {
            data_dir: Some(folder.path().join("nats")),
            sync_always: durability == Durability::Power,
            ..NatsOptions::default()
        })?;
        let postgres = Postgres::start(
            &programs,
            folder.path(),
            durability == Durability::Power,
            options.connections * POOLS,
        )?;
        let servers = Servers {
            nats: nats.pid().context("NATS is gone")?,
            postgres: postgres.pid().context("PostgreSQL is gone")?,
        };
        let bench = Bench { servers, size };
        runtime.block_on(async {
            let addresses = (nats.url(), postgres.url());
            let stores = Stores::open(addresses.0, &addresses.1, options.connections).await?;
            bench.commands(&stores, durability, &mut report).await?;
            if durability == Durability::Process {
                // How reads work doesn't depend on it.
                report.add(bench.loading(&stores).await?);
            }
            anyhow::Ok(())
        })?;
    }
    report.write(&options.json)
}

/// A folder that another user may enter.
fn folder(work_dir: &Path) -> Result<TempDir> {
    use std::os::unix::fs::PermissionsExt as _;
    let permissions = fs::Permissions::from_mode(0o755);
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix("peers-").permissions(permissions);
    builder
        .tempdir_in(work_dir)
        .with_context(|| format!("no folder in {}", work_dir.display()))
}

struct Stores {
    ours: Side<dyn Accounts>,
    postgres_es: Side<dyn Accounts>,
    postgres_es_with_snapshots: Side<dyn Accounts>,
    decisions: Side<dyn Accounts>,
    decisions_with_snapshots: Side<dyn Accounts>,
    raw_publish: Side<dyn Commands>,
    raw_insert: Side<dyn Commands>,
}

impl Stores {
    async fn open(nats: &str, postgres: &str, connections: u32) -> Result<Self> {
        let events = Database::create(postgres, "postgres_es", connections).await?;
        let decisions = Database::create(postgres, "disintegrate", connections).await?;
        Decisions::initialize(&decisions).await?;
        let rows = Database::create(postgres, "raw", connections).await?;
        let [on_nats, on_postgres]: [fn(Used) -> f64; 2] = [|used| used.nats, |used| used.postgres];
        let peer = |name, store: Arc<dyn Accounts>| Side {
            name,
            on: on_postgres,
            store,
        };
        Ok(Self {
            ours: Side {
                name: OURS,
                on: on_nats,
                store: Arc::new(Ours::open(nats).await?),
            },
            postgres_es: peer("postgres-es", Arc::new(PostgresEs::open(&events).await?)),
            postgres_es_with_snapshots: peer(
                "postgres-es, snapshots",
                Arc::new(PostgresEs::with_snapshots(&events).await?),
            ),
            decisions: peer(
                "disintegrate-postgres",
                Arc::new(Decisions::open(&decisions).await?),
            ),
            decisions_with_snapshots: peer(
                "disintegrate-postgres, snapshots",
                Arc::new(Decisions::with_snapshots(&decisions).await?),
            ),
            raw_publish: Side {
                name: "raw: publish to JetStream",
                on: on_nats,
                store: Arc::new(raw::RawPublish::open(nats).await?),
            },
            raw_insert: Side {
                name: "raw: INSERT into PostgreSQL",
                on: on_postgres,
                store: Arc::new(raw::RawInsert::open(&rows).await?),
            },
        })
    }
}

struct Bench {
    servers: Servers,
    size: Size,
}

/// One store in a comparison of commands.
struct Turn {
    name: &'static str,
    on: fn(Used) -> f64,
    work: Work,
}

impl Turn {
    fn new<S: ?Sized>(side: &Side<S>, work: fn(Arc<S>) -> Work) -> Self {
        Self {
            name: side.name,
            on: side.on,
            work: work(side.store.clone()),
        }
    }
}

impl Bench {
    async fn commands(
        &self,
        stores: &Stores,
        durability: Durability,
        report: &mut Report,
    ) -> Result<()> {
        let acknowledged = durability.describe();
        let name = format!("a new account with each command; {acknowledged}");
        let turns = [
            Turn::new(&stores.ours, Work::OnNew),
            Turn::new(&stores.postgres_es, Work::OnNew),
            Turn::new(&stores.decisions, Work::OnNew),
            Turn::new(&stores.raw_publish, Work::Raw),
            Turn::new(&stores.raw_insert, Work::Raw),
        ];
        report.add(self.compare(name, &turns, self.size.on_new).await?);

        let name = format!("all commands on one account; {acknowledged}");
        let turns = [
            Turn::new(&stores.ours, Work::OnOne),
            Turn::new(&stores.postgres_es, Work::OnOne),
            Turn::new(&stores.postgres_es_with_snapshots, Work::OnOne),
            Turn::new(&stores.decisions, Work::OnOne),
        ];
        report.add(self.compare(name, &turns, self.size.on_one).await?);
        Ok(())
    }

    /// Every store in each round. Ours is the first in the list; each round begins with another.
    async fn compare(&self, name: String, turns: &[Turn], limits: Limits) -> Result<Table> {
        let mut samples = vec![Vec::new(); turns.len()];
        for round in 0..self.size.rounds {
            for turn in 0..turns.len() {
                let turn = (turn + round) % turns.len();
                let Turn { name, work, .. } = &turns[turn];
                self.servers.wait_until_quiet();
                let before = self.servers.used();
                let sample = work.run(limits).await.context(*name)?;
                let used = self.servers.used_since(before);
                ensure!(sample.effective > 0, "{name}: no command in a whole round");
                work.check(&sample).await.context(*name)?;
                samples[turn].push((sample, used));
            }
        }
        let rates = |samples: &[(Sample, Used)]| -> Vec<f64> {
            let rates = samples.iter().map(|(sample, _)| sample.per_second());
            rates.collect()
        };
        let ours = rates(&samples[0]);
        let rows = turns.iter().zip(&samples).map(|(turn, samples)| {
            let mut row = Row::new(turn.name, "/s", rates(samples), &ours);
            row.details = Some(details(samples, turn.on));
            row
        });
        let rows = rows.collect();
        Ok(Table { name, rows })
    }

    /// A long account, read with new connections.
    async fn loading(&self, stores: &Stores) -> Result<Table> {
        let sides = [
            &stores.ours,
            &stores.postgres_es,
            &stores.postgres_es_with_snapshots,
            &stores.decisions,
            &stores.decisions_with_snapshots,
        ];
        let mut accounts = Vec::new();
        for side in sides {
            let account = Uuid::new_v4().to_string();
            // Without snapshots a store would read everything before each of the inserts. The rows
            // are the same, and the snapshots aren't read.
            let filling = match side.name {
                "postgres-es" => &stores.postgres_es_with_snapshots,
                _ => side,
            };
            filling.store.fill(&account, LONG).await?;
            accounts.push(account);
        }
        let mut times = vec![Vec::new(); sides.len()];
        for round in 0..self.size.rounds {
            for turn in 0..sides.len() {
                let turn = (turn + round) % sides.len();
                let (side, account) = (&sides[turn], &accounts[turn]);
                self.servers.wait_until_quiet();
                let reopened = side.store.reopened().await?;
                let began = Instant::now();
                let loaded = reopened.load(account).await?;
                times[turn].push(began.elapsed().as_secs_f64() * 1e3);
                ensure!(loaded.version() == LONG, "{}: {loaded:?}", side.name);
            }
        }
        let ours = times.first().cloned().unwrap_or_default();
        let sides = sides.iter().zip(times);
        let rows = sides.map(|(side, times)| Row::new(side.name, "ms", times, &ours));
        Ok(Table {
            name: format!("an account of {LONG} events, loaded by a process that has just started"),
            rows: rows.collect(),
        })
    }
}

#[allow(clippy::cast_precision_loss)]
fn details(samples: &[(Sample, Used)], server: fn(Used) -> f64) -> Details {
    let of = |value: &dyn Fn(&Sample, Used) -> f64| {
        median(samples.iter().map(|(sample, used)| value(sample, *used)))
    };
    Details {
        tries: of(&|sample, _| sample.tries as f64 / sample.effective as f64),
        client_micros: of(&|sample, used| used.client * 1e6 / sample.effective as f64),
        server_micros: of(&|sample, used| server(used) * 1e6 / sample.effective as f64),
        others: of(&|sample, used| used.others * 1e2 / sample.took.as_secs_f64()),
        commands: of(&|sample, _| sample.effective as f64),
    }
}
