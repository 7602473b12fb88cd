//! `turnstile simulate`.

use chrono::{DateTime, NaiveDate, Utc};
use simulator::{Plan, Simulation};

use super::{CommandError, Outcome, Servers, output::OutputArgs, progress::Progress};

/// Make up a season of history and write it to an empty log (writes)
///
/// People sign up, list tickets, change prices, order, pay, are declined, give back or forget;
/// demand follows the hours of the day, and flash sales bring crowds. Every event is decided by
/// the rules of the marketplace, and times lie in the past. The same sizes and seed give the same
/// bytes. Nobody can sign in as one of these people. No service may work on the log meanwhile.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct SimulateArgs {
    /// People who may sell
    #[arg(long, value_name = "N", default_value_t = 400)]
    sellers: u32,
    /// People who may buy
    #[arg(long, value_name = "N", default_value_t = 8_000)]
    buyers: u32,
    /// Tickets that are listed; each leads to some eleven events
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    tickets: u32,
    /// Days that the season lasts
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3_660))]
    days: u32,
    /// Where all chance comes from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The first day
    #[arg(long, value_name = "DATE", default_value = "2025-01-01")]
    start: NaiveDate,
    /// Write it behind the history that is there, instead of refusing
    #[arg(long)]
    onto_history: bool,
    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "Examples:
  turnstile simulate
  turnstile simulate --sellers 2000 --buyers 50000 --tickets 100000 --days 180 --seed 7
  turnstile simulate --tickets 500 --days 14 --start 2026-03-01";

pub(crate) async fn run(args: SimulateArgs, servers: &Servers) -> Result<Outcome, CommandError> {
    let plan = Plan {
        sellers: args.sellers,
        buyers: args.buyers,
        tickets: args.tickets,
        days: args.days,
        seed: args.seed,
        start: midnight(args.start),
    };
    let log = servers.log_at_rest().await?;
    let mut progress = Progress::begin("Writing a season", "commits (estimated)");
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
    args.output.open().tell(&words, "simulation", &counts)?;
    Ok(Outcome::Clean)
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(chrono::NaiveTime::MIN).and_utc()
}
