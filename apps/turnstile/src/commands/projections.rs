//! `turnstile projections`: lists, rebuilds, pauses and retires read models.

use ::projections::{
    ReadModel, RebuildError, RebuildProgress, pause, read_models, rebuild, resume,
};
use analysis::{Cell, Column, Table, columns};
use eventstore::{Log, StoreError, StreamName};
use serde_json::json;
use std::{
    io::IsTerminal as _,
    time::{Duration, Instant},
};

use super::{
    CommandError, Outcome, Servers,
    output::{OutputArgs, SaidArgs, explained},
    progress::Progress,
    read_model::{Names, ProjectionName},
};

/// Interval at which the log is checked during a rebuild.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Time limit for the check.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// After this time without the log, the command stops waiting.
const OUTAGE_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Subcommand)]
pub(crate) enum ProjectionsCommand {
    Ls(LsArgs),
    /// Build a read model again next to the one that serves, then switch to it
    #[command(after_long_help = "\
The process that runs the read model rebuilds it; this command requests the rebuild and shows its
progress. Reads continue meanwhile. If this command is interrupted, the rebuild continues: run the
command again to wait for it. If the rebuilding process dies, another one continues.

Examples:
  turnstile projections rebuild tickets")]
    Rebuild(Which),
    /// Pause a read model until `resume`; takes effect within 2 s
    #[command(after_long_help = "\
While a read model is paused, no process folds it, even after a restart. Stored documents are still
served. Requests that wait for newer commits take up to 2 s; reads that need newer commits return 503.

Examples:
  turnstile projections pause tickets")]
    Pause(Which),
    /// Resume a paused read model
    #[command(after_long_help = "Examples:\n  turnstile projections resume tickets")]
    Resume(Which),
}

/// Show how far each read model is
#[derive(Debug, clap::Args)]
#[command(after_long_help = explained(COLUMNS, LS))]
pub(crate) struct LsArgs {
    /// The time over which the rate is measured, in milliseconds
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 1_000)]
    sample: u64,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Which {
    /// The read model
    #[arg(value_parser = Names)]
    name: ProjectionName,
    #[command(flatten)]
    said: SaidArgs,
}

const COLUMNS: &[Column] = columns![
    "name": "the read model",
    "version": "its version; an older one that no process runs may still exist",
    "state": "folding; paused; rebuilding; halted: the note says why; unassigned: no process runs it",
    "checkpoint": "the last commit that was folded, as of 100 ms ago at most",
    "log_end": "the last commit of its stream",
    "lag_commits": "commits that are not folded yet",
    "lag_ms": "how long the oldest of these has been waiting",
    "rate": "commits folded per second, while this command measured",
    "note": "the progress of a rebuild, or why it halted",
];

const LS: &str = "  turnstile projections ls
  turnstile projections ls --json | jq 'select(.lag_commits > 1000)'";

pub(crate) async fn run(
    command: ProjectionsCommand,
    servers: &Servers,
) -> Result<Outcome, CommandError> {
    let read = servers.read_models().await?;
    match command {
        ProjectionsCommand::Ls(args) => {
            let log = servers.log().await?;
            let before = read_models(&read).await?;
            let began = Instant::now();
            tokio::time::sleep(Duration::from_millis(args.sample)).await;
            let after = read_models(&read).await?;
            let took = began.elapsed();
            let mut rows = Vec::new();
            for model in after {
                let earlier = before.iter().find(|earlier| earlier.key == model.key);
                let folded = earlier.map_or(0, |e| model.sequence.saturating_sub(e.sequence));
                rows.push(row(&log, &model, folded, took).await?);
            }
            args.output.show(&[Table {
                name: "projections",
                doc: "Progress of each read model.",
                columns: COLUMNS,
                rows,
            }])?;
        }
        ProjectionsCommand::Rebuild(Which { name, said }) => {
            let key = name.key();
            let log = servers.log().await?;
            let mut progress = Progress::begin(&format!("Rebuilding {key}"), "commits");
            let is_seen = std::io::stderr().is_terminal();
            let rebuilt = rebuild(&read, &key, |now| {
                progress.at(now.done, now.total);
                if !is_seen {
                    eprintln!("{key}: {}", far(&now));
                }
            });
            tokio::select! {
                rebuilt = rebuilt => rebuilt.map_err(|error| match error {
                    RebuildError::Unavailable(error) => error.into(),
                    other => CommandError::failed(other),
                })?,
                why = away(&log, name.stream()) => {
                    return Err(CommandError::unreachable(format!(
                        "{why}; whoever rebuilds {key} goes on once it is back: say this again to \
                         wait for that"
                    )));
                }
            }
            drop(progress);
            told(said, name, "rebuilt", "rebuilt")?;
        }
        ProjectionsCommand::Pause(Which { name, said }) => {
            pause(&read, &name.key()).await?;
            let words = "paused until `turnstile projections resume`";
            told(said, name, words, "paused")?;
        }
        ProjectionsCommand::Resume(Which { name, said }) => {
            resume(&read, &name.key()).await?;
            told(said, name, "resumed", "folding")?;
        }
    }
    Ok(Outcome::Clean)
}

/// Reports the change of a read model.
fn told(
    said: SaidArgs,
    name: ProjectionName,
    words: &str,
    state: &str,
) -> Result<(), CommandError> {
    let words = format!("{}: {words}", name.key());
    let value = json!({
        "name": name.words().0,
        "version": name.version(),
        "state": state,
    });
    said.open().tell(&words, "projection", &value)
}

/// Returns when the log was unreachable for a while, with the error. A rebuild waits for it
/// forever, but its requester should know.
async fn away(log: &Log, stream: StreamName) -> StoreError {
    let mut since = None;
    loop {
        tokio::time::sleep(POLL_INTERVAL).await;
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, log.reader().last_sequence(stream)).await;
        let late =
            || StoreError::unavailable(format!("NATS did not answer within {ANSWER_TIMEOUT:?}"));
        match answer.unwrap_or_else(|_| Err(late())) {
            Ok(_) => since = None,
            Err(error) => {
                if since.get_or_insert_with(Instant::now).elapsed() > OUTAGE_TIMEOUT {
                    return error;
                }
            }
        }
    }
}

fn far(progress: &RebuildProgress) -> String {
    let RebuildProgress {
        done,
        total,
        per_second,
        seconds_left,
    } = progress;
    format!("{done} of {total} commits, {per_second:.0} per second, {seconds_left:.0} s left")
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
        ReadModel { kept: false, .. } => "unassigned",
        ReadModel { paused: true, .. } => "paused",
        ReadModel {
            rebuilding: Some(_),
            ..
        } => "rebuilding",
        _ => "folding",
    };
    let note = match (&model.halted, &model.rebuilding) {
        (Some(why), Some(progress)) => Cell::Text(format!("{why}; rebuilding: {}", far(progress))),
        (Some(why), None) => Cell::Text(why.clone()),
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
        version.parse().map_or(Cell::Nothing, Cell::Count),
        Cell::Text(state.to_owned()),
        Cell::Count(model.sequence),
        end,
        events,
        waiting,
        Cell::Count(folded.saturating_mul(1_000) / millis),
        note,
    ])
}

/// The stream of a read model, in any version.
fn stream_of(name: &str) -> Option<StreamName> {
    let mut all = ProjectionName::ALL.into_iter();
    all.find(|of| of.words().0 == name)
        .map(ProjectionName::stream)
}

/// The end of the stream, the number of commits behind it, and the age of the first of them.
async fn lag(log: &Log, stream: StreamName, folded: u64) -> Result<[Cell; 3], CommandError> {
    let end = log.reader().last_sequence(stream).await?;
    let events = end.saturating_sub(folded);
    let waiting = if events == 0 {
        0
    } else {
        match log.reader().commit_at(stream, folded + 1).await {
            Ok(commit) => (chrono::Utc::now() - commit.stored_at).num_milliseconds(),
            // It has no time, and is why the read model stands still.
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
