//! `turnstile events show`.

use analysis::{AnalysisError, Bound, EVENT_COLUMNS, EventRow};

use super::columns::explained;
use crate::commands::{CommandError, Outcome, Servers, output::OutputArgs};

/// Show everything that is known of one commit's events
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("{}\n\n{EXAMPLES}", explained()))]
pub(crate) struct ShowArgs {
    /// Its place, such as ORDERS:1200
    #[arg(value_name = "STREAM:SEQUENCE")]
    place: Bound,
    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "Examples:
  turnstile events show ORDERS:1200
  turnstile events show ORDERS:1200 --json | jq .data";

pub(super) async fn run(args: ShowArgs, servers: &Servers) -> Result<Outcome, CommandError> {
    let Bound::Sequence {
        stream: Some(stream),
        sequence,
    } = args.place
    else {
        return Err(CommandError::Failed(format!(
            "{} is no place; one is written ORDERS:1200",
            args.place
        )));
    };
    let log = servers.log().await?;
    let last = log.last_sequence(stream).await?;
    if sequence > last {
        let error = AnalysisError::PastEnd {
            stream,
            sequence,
            last,
        };
        return Err(error.into());
    }
    let commit = log.commit_at(stream, sequence).await?;
    let mut output = args.output.open();
    for row in EventRow::of(&commit)? {
        let row = row.without_secrets();
        if !output.is_for_people() {
            output.json(&row)?;
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
    output.flush()?;
    Ok(Outcome::Well)
}
