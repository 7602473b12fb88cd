//! `turnstile projections`: the read models, and what an operator does with them.

use ::projections::{
    Projection, ReadModel, RebuildProgress, orders::OrdersProjection, pause,
    payments::PayableOrdersProjection, read_models, rebuild, resume, tickets::TicketsProjection,
};
use analysis::{Cell, Column, Table};
use eventstore::{Log, StoreError, StreamName};
use std::{
    io::IsTerminal as _,
    time::{Duration, Instant},
};

use super::{
    CommandError, Outcome, Servers,
    output::{OutputArgs, say},
    progress::Progress,
};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum ProjectionsCommand {
    Ls(LsArgs),
    /// Build a read model anew beside the one that serves, then switch to it
    #[command(after_long_help = "\
The process that runs the read model does it; this command asks and shows how far it is. Reads go on
all the time. If this command is interrupted, the rebuild goes on: run it again to wait for it. If
the process that rebuilds dies, another one goes on where it was.

Examples:
  turnstile projections rebuild tickets")]
    Rebuild(Which),
    /// Let a read model rest until `resume`; takes effect within a second or two
    #[command(after_long_help = "\
Nothing is folded while it rests, whichever process runs it, also after a restart. What is stored
goes on being served; answers that wait for what is appended meanwhile take up to 2 s, and reads that
need it fail with 503.

Examples:
  turnstile projections pause tickets")]
    Pause(Which),
    /// Let a read model go on after `pause`
    #[command(after_long_help = "Examples:\n  turnstile projections resume tickets")]
    Resume(Which),
}

/// Show how far each read model is
#[derive(Debug, clap::Args)]
#[command(after_long_help = explained())]
pub(crate) struct LsArgs {
    /// For how long the rate is measured, in milliseconds
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 1_000)]
    sample: u64,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Which {
    /// Which read model
    name: ProjectionName,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ProjectionName {
    /// What is for sale, and every ticket
    Tickets,
    /// Everybody's orders
    Orders,
    /// Where an order is, for the payments service
    PayableOrders,
}

impl ProjectionName {
    fn key(self) -> String {
        match self {
            Self::Tickets => TicketsProjection.key(),
            Self::Orders => OrdersProjection.key(),
            Self::PayableOrders => PayableOrdersProjection.key(),
        }
    }
}

const COLUMNS: &[Column] = &[
    Column {
        name: "name",
        doc: "the read model",
    },
    Column {
        name: "version",
        doc: "its version; an older one that nobody runs any more may still be there",
    },
    Column {
        name: "state",
        doc: "folding; resting: paused; rebuilding; halted: folding on would make it wrong; nobody: no process runs it",
    },
    Column {
        name: "checkpoint",
        doc: "the last commit that is folded, or one up to 100 ms before",
    },
    Column {
        name: "log_end",
        doc: "the last commit of its stream",
    },
    Column {
        name: "lag_events",
        doc: "commits that aren't folded",
    },
    Column {
        name: "lag_ms",
        doc: "how long the oldest of them has been waiting",
    },
    Column {
        name: "rate",
        doc: "commits folded a second, while this command looked",
    },
    Column {
        name: "note",
        doc: "how far a rebuild is, or why it halted",
    },
];

fn explained() -> String {
    let columns = COLUMNS
        .iter()
        .map(|column| format!("  {:<11} {}", column.name, column.doc));
    let columns: Vec<_> = columns.collect();
    format!(
        "Columns:\n{}\n\nExamples:\n  turnstile projections ls\n  turnstile projections ls --json | jq 'select(.lag_events > 1000)'",
        columns.join("\n")
    )
}

pub(super) async fn run(
    command: ProjectionsCommand,
    servers: &Servers,
) -> Result<Outcome, CommandError> {
    let unreachable =
        |error: ::projections::ReadError| CommandError::Unreachable(error.to_string());
    let read = servers.read_models().await?;
    match command {
        ProjectionsCommand::Ls(args) => {
            let log = servers.log().await?;
            let before = read_models(&read).await.map_err(unreachable)?;
            let began = Instant::now();
            tokio::time::sleep(Duration::from_millis(args.sample)).await;
            let after = read_models(&read).await.map_err(unreachable)?;
            let took = began.elapsed();
            let mut rows = Vec::new();
            for model in after {
                let earlier = before.iter().find(|earlier| earlier.key == model.key);
                let folded = earlier.map_or(0, |e| model.sequence.saturating_sub(e.sequence));
                rows.push(row(&log, &model, folded, took).await?);
            }
            let mut output = args.output.open();
            output.tables(&[Table {
                name: "projections",
                doc: "How far each read model is.",
                columns: COLUMNS,
                rows,
            }])?;
            output.flush()?;
        }
        ProjectionsCommand::Rebuild(Which { name }) => {
            let key = name.key();
            let mut progress = Progress::begin(&format!("Rebuilding {key}"), "commits");
            let is_seen = std::io::stderr().is_terminal();
            rebuild(&read, &key, |now| {
                progress.at(now.done, now.total);
                if !is_seen {
                    eprintln!("{key}: {}", far(&now));
                }
            })
            .await
            .map_err(|error| CommandError::Failed(error.to_string()))?;
            drop(progress);
            say(&format!("{key}: rebuilt"))?;
        }
        ProjectionsCommand::Pause(Which { name }) => {
            pause(&read, &name.key()).await.map_err(unreachable)?;
            say(&format!(
                "{}: rests until `turnstile projections resume`",
                name.key()
            ))?;
        }
        ProjectionsCommand::Resume(Which { name }) => {
            resume(&read, &name.key()).await.map_err(unreachable)?;
            say(&format!("{}: goes on", name.key()))?;
        }
    }
    Ok(Outcome::Well)
}

fn far(progress: &RebuildProgress) -> String {
    let RebuildProgress {
        done,
        total,
        per_second,
        seconds_left,
    } = progress;
    format!("{done} of {total} commits, {per_second:.0} a second, {seconds_left:.0} s left")
}

async fn row(
    log: &Log,
    model: &ReadModel,
    folded: u64,
    took: Duration,
) -> Result<Vec<Cell>, CommandError> {
    let (name, version) = model.key.rsplit_once("_v").unwrap_or((&model.key, ""));
    let state = match model {
        ReadModel {
            halted: Some(_), ..
        } => "halted",
        ReadModel { kept: false, .. } => "nobody",
        ReadModel { paused: true, .. } => "resting",
        ReadModel {
            rebuilding: Some(_),
            ..
        } => "rebuilding",
        _ => "folding",
    };
    let note = match (&model.halted, &model.rebuilding) {
        (Some(why), _) => Cell::Text(why.clone()),
        (None, Some(progress)) => Cell::Text(format!("rebuilding: {}", far(progress))),
        (None, None) => Cell::Nothing,
    };
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    let lag = match stream_of(name) {
        Some(stream) => lag(log, stream, model.sequence).await?,
        None => [Cell::Nothing, Cell::Nothing, Cell::Nothing],
    };
    let [end, events, waiting] = lag;
    Ok(vec![
        Cell::Text(name.to_owned()),
        Cell::Text(version.to_owned()),
        Cell::Text(state.to_owned()),
        Cell::Count(model.sequence),
        end,
        events,
        waiting,
        Cell::Count(folded.saturating_mul(1_000) / millis),
        note,
    ])
}

/// The stream that a read model folds, in whatever version.
fn stream_of(name: &str) -> Option<StreamName> {
    let all = [
        (TicketsProjection.name(), TicketsProjection.stream()),
        (OrdersProjection.name(), OrdersProjection.stream()),
        (
            PayableOrdersProjection.name(),
            PayableOrdersProjection.stream(),
        ),
    ];
    all.into_iter()
        .find(|(of, _)| *of == name)
        .map(|(_, stream)| stream)
}

/// Where the stream ends, how many commits that is ahead, and how long the first of them waits.
async fn lag(log: &Log, stream: StreamName, folded: u64) -> Result<[Cell; 3], CommandError> {
    let end = log.last_sequence(stream).await?;
    let events = end.saturating_sub(folded);
    let waiting = if events == 0 {
        0
    } else {
        match log.commit_at(stream, folded + 1).await {
            Ok(commit) => (chrono::Utc::now() - commit.stored_at).num_milliseconds(),
            // It tells no time, and is why the read model stands still.
            Err(StoreError::Unreadable { .. }) => {
                return Ok([Cell::Count(end), Cell::Count(events), Cell::Nothing]);
            }
            Err(error) => return Err(error.into()),
        }
    };
    Ok([
        Cell::Count(end),
        Cell::Count(events),
        Cell::Millis(u64::try_from(waiting).unwrap_or(0)),
    ])
}
