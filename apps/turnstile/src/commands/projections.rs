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
    CliError, Servers,
    output::{OutputArgs, SaidArgs, explained},
    progress::ProgressDisplay,
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

#[derive(Clone, Debug, clap::Args)]
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
    "checkpoint": "the number of commits that were folded, as of 100 ms ago at most",
    "log_end": "the number of commits in its streams",
    "lag_commits": "commits that are not folded yet",
    "lag_ms": "how long the oldest of these has been waiting",
    "rate": "commits folded per second, while this command measured",
    "note": "the progress of a rebuild, or why it halted",
];

const LS: &str = "  turnstile projections ls
  turnstile projections ls --json | jq 'select(.lag_commits > 1000)'";

pub(crate) async fn run(command: ProjectionsCommand, servers: &Servers) -> Result<(), CliError> {
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
                let folded = earlier.map_or(0, |e| {
                    model.position.total().saturating_sub(e.position.total())
                });
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
            let key = name.key.clone();
            let log = servers.log().await?;
            let mut progress = ProgressDisplay::begin(&format!("Rebuilding {key}"), "commits");
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
                    other => CliError::failed(other),
                })?,
                why = away(&log, &name.streams) => {
                    return Err(CliError::unreachable(format!(
                        "{why}; whoever rebuilds {key} goes on once it is back: say this again to \
                         wait for that"
                    )));
                }
            }
            drop(progress);
            told(said, &name, "rebuilt", "rebuilt")?;
        }
        ProjectionsCommand::Pause(Which { name, said }) => {
            pause(&read, &name.key).await?;
            let words = "paused until `turnstile projections resume`";
            told(said, &name, words, "paused")?;
        }
        ProjectionsCommand::Resume(Which { name, said }) => {
            resume(&read, &name.key).await?;
            told(said, &name, "resumed", "folding")?;
        }
    }
    Ok(())
}

/// Reports the change of a read model.
fn told(said: SaidArgs, name: &ProjectionName, words: &str, state: &str) -> Result<(), CliError> {
    let words = format!("{}: {words}", name.key);
    let value = json!({
        "name": name.name,
        "version": name.version,
        "state": state,
    });
    said.open().tell(&words, "projection", &value)
}

/// Returns when the log was unreachable for a while, with the error. A rebuild waits for it
/// forever, but its requester should know.
async fn away(log: &Log, streams: &[StreamName]) -> StoreError {
    let mut since = None;
    loop {
        tokio::time::sleep(POLL_INTERVAL).await;
        let ends = async {
            for stream in streams {
                log.reader().last_sequence(*stream).await?;
            }
            Ok(())
        };
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, ends).await;
        let late =
            || StoreError::unavailable(format!("NATS did not answer within {ANSWER_TIMEOUT:?}"));
        match answer.unwrap_or_else(|_| Err(late())) {
            Ok(()) => since = None,
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
) -> Result<Vec<Cell>, CliError> {
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
    let [end, events, waiting] = lag(log, streams_of(name), model).await?;
    Ok(vec![
        Cell::Text(name.to_owned()),
        version.parse().map_or(Cell::Nothing, Cell::Count),
        Cell::Text(state.to_owned()),
        Cell::Count(model.position.total()),
        end,
        events,
        waiting,
        Cell::Count(folded.saturating_mul(1_000) / millis),
        note,
    ])
}

/// The streams of a read model, in any version; none if this release doesn't know it.
fn streams_of(name: &str) -> Vec<StreamName> {
    let mut all = ProjectionName::all().into_iter();
    let known = all.find(|of| of.name == name);
    known.map_or_else(Vec::new, |of| of.streams)
}

/// The number of commits in the streams, how many of them aren't folded, and the age of the oldest
/// of those. Nothing of what is not known.
async fn lag(
    log: &Log,
    streams: Vec<StreamName>,
    model: &ReadModel,
) -> Result<[Cell; 3], CliError> {
    if streams.is_empty() {
        return Ok([Cell::Nothing, Cell::Nothing, Cell::Nothing]);
    }
    let (mut ends, mut behind, mut waiting) = (0, 0, Some(0));
    for stream in streams {
        let folded = model.position.of(stream);
        let end = log.reader().last_sequence(stream).await?;
        ends += end;
        behind += end.saturating_sub(folded);
        if end > folded {
            // The oldest of all streams; unknown if that of one is.
            let age = age(log, stream, folded + 1).await?;
            waiting = waiting.zip(age).map(|(one, other)| one.max(other));
        }
    }
    Ok([
        Cell::Count(ends),
        Cell::Count(behind),
        waiting.map_or(Cell::Nothing, Cell::Millis),
    ])
}

/// The age of a commit in milliseconds; `None` if it can't be read, which is why the read model
/// stands still.
async fn age(log: &Log, stream: StreamName, sequence: u64) -> Result<Option<u64>, CliError> {
    match log.reader().commit_at(stream, sequence).await {
        Ok(commit) => {
            let age = (chrono::Utc::now() - commit.stored_at).num_milliseconds();
            Ok(Some(u64::try_from(age).unwrap_or(0)))
        }
        Err(StoreError::Unreadable { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
