//! `turnstile streams`: how the streams of the log are set up.

use eventstore::{Log, StreamFacts, StreamPlan};
use std::{
    fmt::Write as _,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
};

use super::{
    CommandError, Outcome, Servers,
    output::{Output, OutputArgs, say},
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
    /// Create what is missing and change what differs, after showing the plan
    #[command(after_long_help = MIGRATE)]
    Migrate(MigrateArgs),
}

const MIGRATE: &str = "What could lose data is never done, but named; then nothing else is done either, and the exit code
is 2. May run while the services do. More copies than wanted, and more protection, are left alone.

Examples:
  turnstile streams migrate
  STREAM_REPLICAS=3 turnstile streams migrate --yes";

#[derive(Debug, clap::Args)]
pub(crate) struct MigrateArgs {
    /// Don't ask
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(
    command: StreamsCommand,
    servers: &Servers,
) -> Result<Outcome, CommandError> {
    let log = servers.log().await?;
    let plans = log.topology().await?;
    match command {
        StreamsCommand::Ls(output) => list(&plans, &mut output.open()),
        StreamsCommand::Check(output) => check(&plans, &mut output.open()),
        StreamsCommand::Migrate(args) => migrate(&log, &plans, args.yes).await,
    }
}

fn list(plans: &[StreamPlan], output: &mut Output) -> Result<Outcome, CommandError> {
    for plan in plans {
        if !output.is_for_people() {
            output.json(plan)?;
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
    Ok(Outcome::Well)
}

fn in_words(found: &StreamFacts) -> String {
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
            output.json(plan)?;
        } else if plan.is_settled() {
            output.line(&format!("{}: as it should be", plan.stream))?;
        } else {
            for line in steps(plan).iter().chain(&refusals(plan)) {
                output.line(line)?;
            }
        }
    }
    output.flush()?;
    Ok(if well { Outcome::Well } else { Outcome::Found })
}

/// What would be done.
fn steps(plan: &StreamPlan) -> Vec<String> {
    if plan.found.is_none() {
        return vec![format!("{}: create it", plan.stream)];
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
        .map(|why| format!("{}: REFUSED: {why}", plan.stream))
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
        return Ok(Outcome::Well);
    }
    if !yes && !agreed("Do it?")? {
        return Err(CommandError::Failed(
            "nothing was changed; --yes does it without asking".to_owned(),
        ));
    }
    // Whether or not anybody reads on, it is done to the end.
    let mut said = Ok(());
    for plan in plans.iter().filter(|plan| !plan.is_settled()) {
        log.migrate_stream(plan).await?;
        said = said.and_then(|()| say(&format!("{}: done", plan.stream)));
    }
    said?;
    Ok(Outcome::Well)
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
