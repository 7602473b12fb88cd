//! `turnstile replay`: the built-in folds.

use analysis::{
    folds::{BUILTIN, Builtin},
    replay,
};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser as _};
use std::fmt::Write as _;

use super::{CliError, Servers, output::OutputArgs, progress::shown, range::RangeArgs};

/// Answer a question by replaying the log: sales, outcomes of holds, durations
///
/// The same range always results in the same bytes. A range limits what counts; earlier events are
/// still read, since a sale depends on its listing.
#[derive(Debug, clap::Args)]
#[command(after_long_help = explained())]
pub(crate) struct ReplayArgs {
    /// The question
    #[arg(value_name = "FOLD", value_parser = questions())]
    fold: Builtin,
    #[command(flatten)]
    range: RangeArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Parses the name of a fold.
fn questions() -> impl clap::builder::IntoResettable<clap::builder::ValueParser> {
    let names = BUILTIN
        .iter()
        .map(|fold| PossibleValue::new(fold.name).help(fold.doc));
    clap::builder::ValueParser::from(
        PossibleValuesParser::new(names)
            .try_map(|name| Builtin::named(&name).ok_or("there is no such fold")),
    )
}

/// Every table and column of every fold, and examples.
fn explained() -> String {
    let mut text = "Tables and columns:\n".to_owned();
    for fold in BUILTIN {
        for table in fold.start().tables() {
            // Writing to a string can't fail.
            let _ = writeln!(text, "  {} ({}): {}", table.name, fold.name, table.doc);
            for column in table.columns {
                let _ = writeln!(text, "    {:<16} {}", column.name, column.doc);
            }
        }
    }
    text.push_str(
        "
In JSON, amounts and shares are decimal texts (\"19.99\", \"0.4213\"), counts and milliseconds
integers. Times are UTC.

Examples:
  turnstile replay sales
  turnstile replay sales --from 2026-03-01 --to 2026-04-01 --json | jq 'select(.table == \"sales_by_day\")'
  turnstile replay funnel --from 2026-03-01
  turnstile replay holds --from ORDERS:1 --to ORDERS:5000",
    );
    text
}

pub(crate) async fn run(args: ReplayArgs, servers: &Servers) -> Result<(), CliError> {
    let mut fold = args.fold.start();
    let range = args.range.range(fold.streams())?;
    let log = servers.log().await?;
    replay(
        &log,
        &range,
        &mut *fold,
        shown("Replaying the log", "commits"),
    )
    .await?;
    args.output.show(&fold.tables())
}
