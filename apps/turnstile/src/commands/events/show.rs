//! `turnstile events show`.

use analysis::{AnalysisError, Bound, EVENT_COLUMNS, EventRow};
use eventstore::{Log, StreamName};

use super::{columns::explained, raw};
use crate::commands::{CliError, Servers, output::OutputArgs, range::bound};

/// Show all data on the events of the commits at a place
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("{}\n\n{EXAMPLES}", explained()))]
pub(crate) struct ShowArgs {
    /// Its place, such as ORDERS:1200
    #[arg(value_name = "STREAM:SEQUENCE", value_parser = bound)]
    place: Bound,
    /// The message as it is stored: subject, headers and bytes, whether or not it can be read.
    /// Without password hashes
    #[arg(long, help_heading = "Output")]
    raw: bool,
    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "With --raw: stream, sequence, stored_at, subject, headers, bytes (how many), and payload (as text) or
payload_hex.

Examples:
  turnstile events show ORDERS:1200
  turnstile events show ORDERS:1200 --json | jq .data
  turnstile events show ORDERS:1200 --raw";

pub(super) async fn run(args: ShowArgs, servers: &Servers) -> Result<(), CliError> {
    let Bound::Sequence {
        stream: Some(stream),
        sequence,
    } = args.place
    else {
        return Err(CliError::failed(format!(
            "{} is no place; one is written ORDERS:1200",
            args.place
        )));
    };
    let log = servers.log().await?;
    let last = log.reader().last_sequence(stream).await?;
    if sequence > last {
        let error = AnalysisError::PastEnd {
            stream,
            sequence,
            last,
        };
        return Err(error.into());
    }
    let mut output = args.output.open();
    if args.raw {
        show_raw(&log, (stream, sequence), &mut output).await?;
        output.flush()?;
        return Ok(());
    }
    let mut rows = Vec::new();
    for commit in log.reader().commits_at(stream, sequence).await? {
        rows.extend(EventRow::of(&commit)?);
    }
    for row in rows {
        let row = row.without_secrets();
        if !output.is_table() {
            output.record("event", &row)?;
            continue;
        }
        let fields = serde_json::to_value(&row).unwrap_or_default();
        for column in EVENT_COLUMNS {
            let shown = match &fields[column.name] {
                serde_json::Value::Null => "–".to_owned(),
                serde_json::Value::String(text) => text.clone(),
                other => serde_json::to_string_pretty(other).unwrap_or_default(),
            };
            output.line(&format!("{:<15} {shown}", column.name))?;
        }
    }
    output.flush()
}

async fn show_raw(
    log: &Log,
    (stream, sequence): (StreamName, u64),
    output: &mut crate::commands::output::Output,
) -> Result<(), CliError> {
    let message = log.reader().stored_message(stream, sequence).await?;
    let message = message.ok_or_else(|| {
        CliError::failed(format!(
            "{stream}#{sequence}: nothing is stored there any more"
        ))
    })?;
    if output.is_table() {
        raw::write(output, &message)
    } else {
        output.record("message", &raw::as_json(&message))
    }
}
