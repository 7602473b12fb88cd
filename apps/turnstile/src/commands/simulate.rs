//! `turnstile simulate`.

use chrono::{DateTime, NaiveDate, Utc};
use simulator::{Plan, Simulation};

use super::{CliError, Servers, output::OutputArgs, progress::ProgressDisplay};

/// Simulate a season and write its history to an empty log (writes)
///
/// Users sign up, list tickets, change prices, order, pay, have cards declined, cancel or forget;
/// demand follows the hours of the day, and flash sales bring crowds. Every event is decided by the
/// rules of the marketplace, and times are in the past. The same sizes and seed result in the same
/// bytes. No one can sign in as one of these users. No service may run on the log.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct SimulateArgs {
    /// Number of possible sellers
    #[arg(long, value_name = "N", default_value_t = 400)]
    sellers: u32,
    /// Number of possible buyers
    #[arg(long, value_name = "N", default_value_t = 8_000)]
    buyers: u32,
    /// Number of tickets; each leads to some eleven events
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    tickets: u32,
    /// Length of the season in days
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3_660))]
    days: u32,
    /// The seed of all random numbers
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The first day
    #[arg(long, value_name = "DATE", default_value = "2025-01-01")]
    start: NaiveDate,
    /// Append to the existing history instead of refusing
    #[arg(long)]
    onto_history: bool,
    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "Examples:
  turnstile simulate
  turnstile simulate --sellers 2000 --buyers 50000 --tickets 100000 --days 180 --seed 7
  turnstile simulate --tickets 500 --days 14 --start 2026-03-01";

pub(crate) async fn run(args: SimulateArgs, servers: &Servers) -> Result<(), CliError> {
    let plan = Plan {
        sellers: args.sellers,
        buyers: args.buyers,
        tickets: args.tickets,
        days: args.days,
        seed: args.seed,
        start: midnight(args.start),
    };
    let log = servers.log_at_rest().await?;
    let mut progress = ProgressDisplay::begin("Writing a season", "commits (estimated)");
    let estimated = u64::from(plan.tickets) * 11;
    let mut season = Simulation::new(plan);
    let tally = simulator::write(&log, &mut season, args.onto_history, |sent| {
        progress.at(sent, estimated.max(sent));
    })
    .await?;
    drop(progress);
    let words = format!(
        "{} events in {} commits; {} commands were refused",
        tally.events, tally.commits, tally.refused
    );
    let counts = serde_json::json!({
        "events": tally.events, "commits": tally.commits, "refused": tally.refused,
    });
    args.output.open().tell(&words, "simulation", &counts)
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(chrono::NaiveTime::MIN).and_utc()
}
