//! `turnstile import`.

use std::path::PathBuf;

use super::{CommandError, Outcome, Servers, output::OutputArgs, progress::Progress};

/// Fill an empty log from an export as NDJSON (writes)
///
/// Every event keeps its id, its time and its place, so that read models come out the same. The
/// log must be empty and no service may work on it meanwhile. What is imported is checked as a
/// whole before anything is written. Accounts come without their passwords: nobody can sign in to
/// them.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct ImportArgs {
    /// A file of NDJSON, or the folder of an export as NDJSON
    #[arg(value_name = "FILE|DIR")]
    from: PathBuf,
    /// Go on with an import that was interrupted: the log may hold the beginning of this one
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "Examples:
  turnstile export --format ndjson --out copy
  turnstile import copy --nats-url nats://other:4222
  turnstile events ls --json > log.ndjson && turnstile import log.ndjson --nats-url nats://other:4222";

pub(crate) async fn run(args: ImportArgs, servers: &Servers) -> Result<Outcome, CommandError> {
    let log = servers.log_at_rest().await?;
    let mut progress = Progress::begin("Importing", "commits");
    let imported = archive::import(&log, &args.from, args.resume, |done, total| {
        progress.at(done, total);
    })
    .await?;
    drop(progress);
    let (commits, found) = (imported.commits, imported.found);
    let words = format!("{commits} commits imported, {found} were there already");
    let counts = serde_json::json!({ "commits": commits, "found": found });
    args.output.open().tell(&words, "import", &counts)?;
    Ok(Outcome::Clean)
}
