//! `turnstile tickets`: the tickets that were for sale.

use analysis::{AnalysisError, Bound, OnSale, Range, ResolvedRange};
use event_streams::{ORDERS, TICKETS};

use super::{CliError, Servers, output::OutputArgs, progress::ProgressDisplay, range::bound};

/// Show the tickets that were for sale at a moment
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct TicketsArgs {
    /// The moment (2026-03-01 19:30, UTC; yesterday; -15m), included. By default now
    #[arg(long, value_name = "TIME", value_parser = bound, allow_hyphen_values = true)]
    at: Option<Bound>,
    #[command(flatten)]
    output: OutputArgs,
}

const AFTER: &str = "Columns:
  ticket   the ticket's id
  title    its title then
  price    its price then
  seller   the seller's user id
  listed   when it was listed

A ticket is for sale when it was listed and no order has it: the orders count, and not what the
ticket had heard of them. The one that was listed first comes first.

Examples:
  turnstile tickets --at 2026-03-01T19:30:00Z
  turnstile tickets --json | jq -r .title";

pub(crate) async fn run(args: TicketsArgs, servers: &Servers) -> Result<(), CliError> {
    let range = match args.at {
        None => Range::all(),
        Some(Bound::Time(time)) => Range {
            // A range ends before its end, and this moment counts.
            to: time.checked_add_signed(chrono::TimeDelta::nanoseconds(1)),
            ..Range::all()
        },
        Some(place) => {
            return Err(CliError::failed(format!(
                "{place} is no time; one is written 2026-03-01T19:30:00Z"
            )));
        }
    };
    let log = servers.log().await?;
    let mut progress = ProgressDisplay::begin("Replaying the log", "commits");
    let mut on_sale = OnSale::default();
    let span = ResolvedRange::resolve(&range, &log, &[TICKETS, ORDERS]).await?;
    let (mut commits, total) = (span.read(&log), span.len());
    let mut read = 0;
    while let Some(commit) = commits.next().await {
        let commit = commit?;
        if span.contains(&commit) {
            on_sale.apply(&commit).map_err(AnalysisError::from)?;
        }
        read += 1;
        progress.at(read, total);
    }
    drop(progress);
    args.output.show(&[on_sale.finish()])
}
