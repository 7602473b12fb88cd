//! `turnstile streams`: the settings of the log's streams.

use eventstore::{Log, StreamInfo, StreamPlan};
use std::{
    fmt::Write as _,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    time::Duration,
};

use super::{
    CliError, ExitOutcome, Servers,
    acknowledge::{self, AcknowledgeArgs},
    output::{Output, OutputArgs, say},
    servers::lacking,
};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum StreamsCommand {
    /// List the streams with their messages, leaders and followers
    #[command(
        after_long_help = "Examples:\n  turnstile streams ls\n  turnstile streams ls --json | jq '.found.leader'"
    )]
    Ls(OutputArgs),
    /// Compare the streams with this release's settings; exit code 1 if they differ
    #[command(after_long_help = "Examples:\n  STREAM_REPLICAS=3 turnstile streams check")]
    Check(OutputArgs),
    /// Create the streams of a new installation; where a log is or was, change nothing
    #[command(after_long_help = INIT)]
    Init,
    /// Create what is missing and change what differs, after showing the plan
    #[command(after_long_help = MIGRATE)]
    Migrate(MigrateArgs),
    /// Let readers continue after messages that the server has lost for good
    #[command(after_long_help = acknowledge::AFTER)]
    Acknowledge(AcknowledgeArgs),
}

const INIT: &str = "Waits up to 2 minutes for NATS and, if there are no streams, for MongoDB: read models that hold
documents show that a log existed. In that case nothing is created, and the exit code is 4. Running it
again changes nothing.

Examples:
  STREAM_REPLICAS=3 turnstile streams init";

const MIGRATE: &str = "Refuses the whole plan, with exit code 2, if a change could lose data, and lists these changes. May run
while the services run. Keeps additional copies and stricter protection.

A stream that is missing while others hold messages was lost, unless this release introduces it: use
--create in that case.

Examples:
  turnstile streams migrate
  turnstile streams migrate --create REQUESTS
  STREAM_REPLICAS=3 turnstile streams migrate --yes";

#[derive(Debug, clap::Args)]
pub(crate) struct MigrateArgs {
    /// Don't ask for confirmation
    #[arg(long)]
    yes: bool,
    /// A stream to create although others hold messages; can be repeated
    #[arg(long, value_name = "STREAM")]
    create: Vec<String>,
}

/// Time limit for the servers to start.
const START_TIMEOUT: Duration = Duration::from_mins(2);

pub(crate) async fn run(
    command: StreamsCommand,
    servers: &Servers,
) -> Result<ExitOutcome, CliError> {
    if matches!(command, StreamsCommand::Init) {
        return init(servers).await;
    }
    let log = servers.nats().await?;
    if let StreamsCommand::Acknowledge(args) = command {
        acknowledge::run(&log, args).await?;
        return Ok(ExitOutcome::Clean);
    }
    let mut plans = log.streams().plans().await?;
    match command {
        StreamsCommand::Init | StreamsCommand::Acknowledge(_) => Ok(ExitOutcome::Clean),
        StreamsCommand::Ls(output) => list(&plans, &mut output.open()),
        StreamsCommand::Check(output) => check(&plans, &mut output.open()),
        StreamsCommand::Migrate(args) => {
            allow(&mut plans, &args.create)?;
            migrate(&log, &plans, args.yes).await
        }
    }
}

async fn init(servers: &Servers) -> Result<ExitOutcome, CliError> {
    let runtime = servers.runtime_without_workers().await?;
    let Ok(there) = tokio::time::timeout(START_TIMEOUT, runtime.wait_for_streams()).await else {
        return Err(CliError::unreachable(format!(
            "no streams within {START_TIMEOUT:?}: {}; see the log for details",
            lacking(&runtime)
        )));
    };
    there?;
    say("the streams exist")?;
    Ok(ExitOutcome::Clean)
}

/// Allows the named streams to be created.
fn allow(plans: &mut [StreamPlan], named: &[String]) -> Result<(), CliError> {
    for name in named {
        let known: Vec<_> = plans.iter().map(|plan| plan.stream.to_string()).collect();
        let plan = plans.iter_mut().find(|plan| plan.stream.as_str() == name);
        let plan = plan.ok_or_else(|| {
            CliError::failed(format!(
                "--create: unknown stream {name:?}; expected one of {}",
                known.join(", ")
            ))
        })?;
        plan.create_on_purpose();
    }
    Ok(())
}

fn list(plans: &[StreamPlan], output: &mut Output) -> Result<ExitOutcome, CliError> {
    for plan in plans {
        if !output.is_table() {
            output.record("stream", plan)?;
            continue;
        }
        let Some(found) = &plan.found else {
            output.line(&format!("{}: missing", plan.stream))?;
            continue;
        };
        output.line(&format!("{}: {}", plan.stream, in_words(found)))?;
        for consumer in &found.consumers {
            output.line(&format!(
                "  {}: {} pending, {} in progress{}",
                consumer.name,
                consumer.pending,
                consumer.in_hand,
                if consumer.waiting > 0 {
                    ""
                } else {
                    ", no worker is connected"
                }
            ))?;
        }
    }
    output.flush()?;
    Ok(ExitOutcome::Clean)
}

fn in_words(found: &StreamInfo) -> String {
    let mut words = format!(
        "{} messages ({} bytes), #{} to #{}",
        found.messages, found.bytes, found.first_sequence, found.last_sequence
    );
    let copies = if found.replicas == 1 {
        "copy"
    } else {
        "copies"
    };
    // Writing to a string can't fail.
    let _ = write!(words, ", {} {copies}", found.replicas);
    if let Some(leader) = &found.leader {
        let _ = write!(words, ", led by {leader}");
    }
    if !found.behind.is_empty() {
        let _ = write!(words, "; {}", found.behind.join(", "));
    }
    words
}

fn check(plans: &[StreamPlan], output: &mut Output) -> Result<ExitOutcome, CliError> {
    let mut well = true;
    for plan in plans {
        well &= plan.is_settled();
        if !output.is_table() {
            output.record("stream", plan)?;
        } else if plan.is_settled() {
            output.line(&format!("{}: up to date", plan.stream))?;
        } else {
            for line in steps(plan).iter().chain(&refusals(plan)) {
                output.line(line)?;
            }
        }
    }
    output.flush()?;
    Ok(ExitOutcome::of(well))
}

/// The steps of a plan.
fn steps(plan: &StreamPlan) -> Vec<String> {
    if plan.found.is_none() {
        // A refusal is printed once.
        let create = plan.refusals.is_empty();
        return Vec::from_iter(create.then(|| format!("{}: create it", plan.stream)));
    }
    let changes = plan.changes.iter();
    changes
        .map(|change| {
            format!(
                "{}: change {} from {} to {}",
                plan.stream, change.setting, change.from, change.to
            )
        })
        .collect()
}

fn refusals(plan: &StreamPlan) -> Vec<String> {
    let refusals = plan.refusals.iter();
    refusals
        .map(|why| match plan.found {
            Some(_) => format!("{}: REFUSED: {why}", plan.stream),
            None => format!(
                "{0}: REFUSED: {why}; if it never was, --create {0} makes it",
                plan.stream
            ),
        })
        .collect()
}

async fn migrate(log: &Log, plans: &[StreamPlan], yes: bool) -> Result<ExitOutcome, CliError> {
    let refused: Vec<_> = plans.iter().flat_map(refusals).collect();
    let steps: Vec<_> = plans.iter().flat_map(steps).collect();
    for line in steps.iter().chain(&refused) {
        say(line)?;
    }
    if !refused.is_empty() {
        return Err(CliError::failed(
            "nothing was changed: a refused change could lose data",
        ));
    }
    if steps.is_empty() {
        say("all streams are up to date")?;
        return Ok(ExitOutcome::Clean);
    }
    if !yes && !confirmed("Apply this plan?")? {
        return Err(CliError::failed(
            "nothing was changed; --yes skips this question",
        ));
    }
    // A failing output doesn't stop the work.
    let mut said = Ok(());
    for plan in plans.iter().filter(|plan| !plan.is_settled()) {
        log.streams().migrate(plan).await?;
        said = said.and_then(|()| say(&format!("{}: done", plan.stream)));
    }
    said?;
    Ok(ExitOutcome::Clean)
}

/// Asks for confirmation on the terminal. Without one, the answer is no.
pub(super) fn confirmed(question: &str) -> Result<bool, CliError> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut stdout = io::stdout();
    write!(stdout, "{question} [y/N] ")
        .and_then(|()| stdout.flush())
        .map_err(CliError::Output)?;
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.map_err(|error| CliError::failed(format!("standard input: {error}")))?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}
