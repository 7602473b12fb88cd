//! `turnstile import`.

use std::path::PathBuf;

use super::{CliError, Servers, output::OutputArgs, progress::shown};

/// Fill an empty log from an NDJSON export (writes)
///
/// Every event keeps its ID, its time and its place, so that read models are the same. The log must
/// be empty, and no service may run on it. The whole import is checked before anything is written.
/// Accounts come without their passwords, so no one can sign in to them.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct ImportArgs {
    /// An NDJSON file, or the folder of an NDJSON export
    #[arg(value_name = "FILE|DIR")]
    from: PathBuf,
    /// Continue an interrupted import: the log may contain the beginning of this one
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "Examples:
  turnstile export --format ndjson --out copy
  turnstile import copy --nats-url nats://other:4222
  turnstile events ls --json > log.ndjson && turnstile import log.ndjson --nats-url nats://other:4222";

pub(crate) async fn run(args: ImportArgs, servers: &Servers) -> Result<(), CliError> {
    let log = servers.log_at_rest().await?;
    let imported =
        archive::import(&log, &args.from, args.resume, shown("Importing", "commits")).await?;
    let (commits, found) = (imported.commits, imported.found);
    let words = format!("{commits} commits imported, {found} were there already");
    let counts = serde_json::json!({ "commits": commits, "found": found });
    args.output.open().tell(&words, "import", &counts)
}
