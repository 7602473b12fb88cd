//! `turnstile export`.

use archive::{ExportRequest, Exported, Format};
use std::path::PathBuf;

use super::{CliError, Servers, output::OutputArgs, progress::shown, range::RangeArgs};

/// Write the log to files, one table per event type, for analysis or an import
///
/// A manifest lists ranges, counts and checksums of the files. An interrupted run, even a killed
/// one, continues when it is repeated; no row is lost or duplicated. Password hashes are left out.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct ExportArgs {
    /// The format of the files
    #[arg(long, value_enum, default_value_t = Format::Parquet)]
    format: Format,
    /// The folder for the files; created if missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Add later events to a complete export
    #[arg(long, conflicts_with_all = ["from", "to"])]
    since_last: bool,
    #[command(flatten)]
    range: RangeArgs,
    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "Examples:
  turnstile export --out season
  turnstile export --out season --since-last
  turnstile export --format csv --from 2026-03-01 --to 2026-04-01 --out march
  duckdb -c \"SELECT sum(ticket_price) FROM 'season/order_placed/*.parquet'\"
  turnstile export --format ndjson --out copy && turnstile import copy --nats-url nats://other:4222";

pub(crate) async fn run(args: ExportArgs, servers: &Servers) -> Result<(), CliError> {
    let request = ExportRequest {
        folder: args.out,
        format: args.format,
        range: args.range.range(&event_streams::ALL)?,
        since_last: args.since_last,
    };
    let log = servers.log().await?;
    let exported = archive::export(&log, &request, shown("Exporting the log", "commits")).await?;
    let Exported {
        added,
        resumed,
        manifest,
    } = exported;
    let mut output = args.output.open();
    if output.is_table() {
        let went_on = if resumed {
            " (went on where a run had ended)"
        } else {
            ""
        };
        for (name, table) in &manifest.tables {
            output.line(&format!("{name:<24} {:>12} rows", table.rows))?;
        }
        let all = manifest.rows();
        output.line(&format!("{added} rows added, {all} in all{went_on}"))?;
    } else {
        output.record(
            "export",
            &serde_json::json!({
                "added": added, "resumed": resumed, "rows": manifest.rows(),
                "tables": manifest.tables.iter()
                    .map(|(name, table)| (name.clone(), table.rows.into()))
                    .collect::<serde_json::Map<_, _>>(),
            }),
        )?;
    }
    output.flush()
}
