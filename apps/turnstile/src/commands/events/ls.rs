//! `turnstile events ls`.

use super::{
    columns::{ColumnArgs, Writer, explained},
    filter::Filter,
};
use crate::commands::{CommandError, Outcome, Servers, output::OutputArgs};

/// List events, in order of time: one a row
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("{}\n\n{EXAMPLES}", explained()))]
pub(crate) struct LsArgs {
    #[command(flatten)]
    filter: Filter,
    /// End after so many
    #[arg(long, short = 'n', value_name = "COUNT", help_heading = "Filters")]
    limit: Option<u64>,
    #[command(flatten)]
    columns: ColumnArgs,
    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "Examples:
  turnstile events ls --stream ORDERS --from 2026-03-01 --to 2026-03-02
  turnstile events ls --type OrderCancelled --json | jq -r .data.reason | sort | uniq -c
  turnstile events ls --correlation 7d3f…
  turnstile events ls --stream TICKETS --from 100 --to 120 --columns sequence,event_type,data";

pub(super) async fn run(args: LsArgs, servers: &Servers) -> Result<Outcome, CommandError> {
    args.filter.warn_of_unknown_types();
    let log = servers.log().await?;
    let span = args.filter.span(&log).await?;
    let mut reading = args.filter.open(&log, span).await?;
    let mut writer = Writer::new(args.output.open(), args.columns);
    let mut left = args.limit.unwrap_or(u64::MAX);
    // What was found before a fault is shown before it.
    let ended = loop {
        let commit = match reading.next().await {
            Ok(Some(commit)) if left > 0 => commit,
            Ok(_) => break Ok(Outcome::Well),
            Err(error) => break Err(error),
        };
        let events = match args.filter.events_of(&commit) {
            Ok(events) => events,
            Err(error) => break Err(error),
        };
        for event in events {
            if left > 0 {
                writer.write(event)?;
                left -= 1;
            }
        }
    };
    writer.flush()?;
    ended
}
