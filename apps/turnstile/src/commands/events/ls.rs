//! `turnstile events ls`.

use eventstore::Log;

use super::{
    columns::{ColumnArgs, Writer, explained},
    filter::{Filter, Reading},
};
use crate::commands::{CliError, Servers, output::OutputArgs};

/// List events, in order of time, one per row
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("{}\n\n{EXAMPLES}", explained()))]
pub(crate) struct LsArgs {
    #[command(flatten)]
    filter: Filter,
    /// Stop after this number of events
    #[arg(long, short = 'n', value_name = "COUNT", help_heading = "Filters")]
    limit: Option<u64>,
    #[command(flatten)]
    columns: ColumnArgs,
    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "Examples:
  turnstile events ls --stream ORDERS --from 2026-03-01 --to 2026-03-02
  turnstile events ls --from -15m
  turnstile events ls --type OrderCancelled --json | jq -r .data.reason | sort | uniq -c
  turnstile events ls --correlation 7d3f…
  turnstile events ls --stream TICKETS --from 100 --to 120 --columns sequence,event_type,data
  turnstile events ls --from yesterday --skip-unreadable";

pub(super) async fn run(args: LsArgs, servers: &Servers) -> Result<(), CliError> {
    let log = servers.log().await?;
    let span = args.filter.span(&log).await?;
    let mut reading = args.filter.open(&log, span).await?;
    let mut writer = Writer::new(args.output.open(), args.columns);
    let limit = args.limit.unwrap_or(u64::MAX);
    let listed = list(&args.filter, &log, &mut reading, limit, &mut writer).await;
    // Rows before a fault are printed before it.
    writer.flush()?;
    listed?;
    drop(reading);
    writer.end()
}

async fn list(
    filter: &Filter,
    log: &Log,
    reading: &mut Reading<'_>,
    mut left: u64,
    writer: &mut Writer,
) -> Result<(), CliError> {
    while left > 0
        && let Some(found) = reading.next().await?
    {
        for row in filter.rows_of(log, found).await? {
            if left > 0 {
                writer.write(row)?;
                left -= 1;
            }
        }
    }
    Ok(())
}
