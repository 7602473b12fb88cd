//! `turnstile streams`: how the streams of the log are set up.

use eventstore::{Log, StreamInfo, StreamPlan};
use std::{
    fmt::Write as _,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    time::Duration,
};

use super::{
    CommandError, Outcome, Servers,
    acknowledge::{self, AcknowledgeArgs},
    output::{Output, OutputArgs, say},
    servers::lacking,
};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum StreamsCommand {
    /// List the streams: what they hold, who leads them, who follows them
    #[command(
        after_long_help = "Examples:\n  turnstile streams ls\n  turnstile streams ls --json | jq '.found.leader'"
    )]
    Ls(OutputArgs),
    /// Compare the streams with what this release wants; exit code 1 if they differ
    #[command(after_long_help = "Examples:\n  STREAM_REPLICAS=3 turnstile streams check")]
    Check(OutputArgs),
    /// Make the streams of a new installation; where a log is or was, only look at it
    #[command(after_long_help = INIT)]
    Init,
    /// Create what is missing and change what differs, after showing the plan
    #[command(after_long_help = MIGRATE)]
    Migrate(MigrateArgs),
    /// Let readers go on behind messages that the server has lost for good
    #[command(after_long_help = acknowledge::AFTER)]
    Acknowledge(AcknowledgeArgs),
}

const INIT: &str = "Waits two minutes for NATS, and for MongoDB where there are no streams: read models that hold
something tell that there was a log before. Then nothing is made, and the exit code is 4. Repeated, it
changes nothing.

Examples:
  STREAM_REPLICAS=3 turnstile streams init";

const MIGRATE: &str = "What could lose data is never done, but named; then nothing else is done either, and the exit code
is 2. May run while the services do. More copies than wanted, and more protection, are left alone.

A stream that is missing while others hold messages was lost, unless this release is the first that
has it: then --create says that it is to be made.

Examples:
  turnstile streams migrate
  turnstile streams migrate --create REQUESTS
  STREAM_REPLICAS=3 turnstile streams migrate --yes";

#[derive(Debug, clap::Args)]
pub(crate) struct MigrateArgs {
    /// Don't ask
    #[arg(long)]
    yes: bool,
    /// A stream to make although others hold messages. Can be given several times
    #[arg(long, value_name = "STREAM")]
    create: Vec<String>,
}

/// How long the servers may take to start.
const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) async fn run(
    command: StreamsCommand,
    servers: &Servers,
) -> Result<Outcome, CommandError> {
    if matches!(command, StreamsCommand::Init) {
        return init(servers).await;
    }
    let log = servers.nats().await?;
    if let StreamsCommand::Acknowledge(args) = command {
        acknowledge::run(&log, args).await?;
        return Ok(Outcome::Clean);
    }
    let mut plans = log.streams().plans().await?;
    match command {
        StreamsCommand::Init | StreamsCommand::Acknowledge(_) => Ok(Outcome::Clean),
        StreamsCommand::Ls(output) => list(&plans, &mut output.open()),
        StreamsCommand::Check(output) => check(&plans, &mut output.open()),
        StreamsCommand::Migrate(args) => {
            allow(&mut plans, &args.create)?;
            migrate(&log, &plans, args.yes).await
        }
    }
}

async fn init(servers: &Servers) -> Result<Outcome, CommandError> {
    let runtime = servers.runtime_without_workers().await?;
    let Ok(there) = tokio::time::timeout(PATIENCE, runtime.wait_for_streams()).await else {
        return Err(CommandError::Unreachable(format!(
            "nothing was made within {PATIENCE:?}: {}; the log has more of it",
            lacking(&runtime)
        )));
    };
    there?;
    say("the streams are there")?;
    Ok(Outcome::Clean)
}

/// Lets the streams be made that are named.
fn allow(plans: &mut [StreamPlan], named: &[String]) -> Result<(), CommandError> {
    for name in named {
        let known: Vec<_> = plans.iter().map(|plan| plan.stream.to_string()).collect();
        let plan = plans.iter_mut().find(|plan| plan.stream.as_str() == name);
        let plan = plan.ok_or_else(|| {
            CommandError::Failed(format!(
                "--create: {name:?} is no stream of this release; there are {}",
                known.join(", ")
            ))
        })?;
        plan.create_on_purpose();
    }
    Ok(())
}

fn list(plans: &[StreamPlan], output: &mut Output) -> Result<Outcome, CommandError> {
    for plan in plans {
        if !output.is_for_people() {
            output.record("stream", plan)?;
            continue;
        }
        let Some(found) = &plan.found else {
            output.line(&format!("{}: is missing", plan.stream))?;
            continue;
        };
        output.line(&format!("{}: {}", plan.stream, in_words(found)))?;
        for consumer in &found.consumers {
            output.line(&format!(
                "  {}: {} to come, {} in hand{}",
                consumer.name,
                consumer.pending,
                consumer.in_hand,
                if consumer.waiting > 0 {
                    ""
                } else {
                    ", nobody asks for more"
                }
            ))?;
        }
    }
    output.flush()?;
    Ok(Outcome::Clean)
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

fn check(plans: &[StreamPlan], output: &mut Output) -> Result<Outcome, CommandError> {
    let mut well = true;
    for plan in plans {
        well &= plan.is_settled();
        if !output.is_for_people() {
            output.record("stream", plan)?;
        } else if plan.is_settled() {
            output.line(&format!("{}: as it should be", plan.stream))?;
        } else {
            for line in steps(plan).iter().chain(&refusals(plan)) {
                output.line(line)?;
            }
        }
    }
    output.flush()?;
    Ok(if well {
        Outcome::Clean
    } else {
        Outcome::FindingsReported
    })
}

/// What would be done.
fn steps(plan: &StreamPlan) -> Vec<String> {
    if plan.found.is_none() {
        // What is refused is said once.
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

async fn migrate(log: &Log, plans: &[StreamPlan], yes: bool) -> Result<Outcome, CommandError> {
    let refused: Vec<_> = plans.iter().flat_map(refusals).collect();
    let steps: Vec<_> = plans.iter().flat_map(steps).collect();
    for line in steps.iter().chain(&refused) {
        say(line)?;
    }
    if !refused.is_empty() {
        return Err(CommandError::Failed(
            "nothing was changed: what is refused could lose data".to_owned(),
        ));
    }
    if steps.is_empty() {
        say("all streams are as they should be")?;
        return Ok(Outcome::Clean);
    }
    if !yes && !agreed("Do it?")? {
        return Err(CommandError::Failed(
            "nothing was changed; --yes does it without asking".to_owned(),
        ));
    }
    // Whether or not anybody reads on, it is done to the end.
    let mut said = Ok(());
    for plan in plans.iter().filter(|plan| !plan.is_settled()) {
        log.streams().migrate(plan).await?;
        said = said.and_then(|()| say(&format!("{}: done", plan.stream)));
    }
    said?;
    Ok(Outcome::Clean)
}

/// Asks whoever sits at the terminal. Where nobody does, the answer is no.
pub(super) fn agreed(question: &str) -> Result<bool, CommandError> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut stdout = io::stdout();
    write!(stdout, "{question} [y/N] ")
        .and_then(|()| stdout.flush())
        .map_err(CommandError::Output)?;
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.map_err(|error| CommandError::Failed(format!("standard input: {error}")))?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}
