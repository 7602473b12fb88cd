//! The columns of events.

use analysis::EVENT_COLUMNS;
use clap::builder::PossibleValue;
use console::{measure_text_width, truncate_str};
use serde_json::Value;
use std::fmt::Write as _;

use super::{
    layout::Layout,
    row::{Row, Unreadable},
};
use crate::commands::{
    CliError,
    output::{Output, escaped, width},
};

/// The width of a table if the terminal's is unknown.
const WIDTH: usize = 200;
/// The columns by default.
const USUAL: [&str; 8] = [
    "time",
    "stream",
    "sequence",
    "event_type",
    "aggregate_id",
    "version",
    "actor",
    "data",
];

/// The columns to show.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ColumnArgs {
    /// The columns of the table, separated by commas; JSON always has all of them. By default:
    /// time, stream, sequence, `event_type`, `aggregate_id`, version, actor and data, as far as
    /// they fit
    #[arg(
        long,
        value_delimiter = ',',
        value_parser = clap::builder::PossibleValuesParser::new(names()),
        hide_possible_values = true,
        help_heading = "Output"
    )]
    columns: Vec<String>,
}

fn names() -> impl Iterator<Item = PossibleValue> {
    EVENT_COLUMNS
        .iter()
        .map(|column| PossibleValue::new(column.name))
}

/// The documentation of every column, for the help.
pub(super) fn explained() -> String {
    let mut text = "Columns:\n  kind            in JSON: event, or unreadable".to_owned();
    for column in EVENT_COLUMNS {
        // Writing to a string can't fail.
        let _ = write!(text, "\n  {:<15} {}", column.name, column.doc);
    }
    text
}

/// Writes events, one per line. Rows arrive one by one and possibly forever, so the widths are
/// fixed: measuring them would delay all rows until the last.
#[derive(Debug)]
pub(super) struct Writer {
    output: Output,
    layout: Layout,
    written: u64,
    unreadable: u64,
}

impl Writer {
    pub(super) fn new(output: Output, args: ColumnArgs) -> Self {
        let usual = || USUAL.map(ToOwned::to_owned).to_vec();
        let chosen = !args.columns.is_empty();
        let columns = if chosen { args.columns } else { usual() };
        Self {
            output,
            layout: Layout::fit(&columns, chosen, width().unwrap_or(WIDTH)),
            written: 0,
            unreadable: 0,
        }
    }

    /// Writes a row without secrets.
    pub(super) fn write(&mut self, row: Row) -> Result<(), CliError> {
        self.written += 1;
        match row {
            Row::Event(row) => {
                let row = row.without_secrets();
                if !self.output.is_table() {
                    return self.output.record("event", &row);
                }
                self.row(&serde_json::to_value(&row).unwrap_or_default())
            }
            Row::Unreadable(unreadable) => {
                self.unreadable += 1;
                if !self.output.is_table() {
                    return self.output.record("unreadable", &unreadable);
                }
                self.row(&in_columns(&unreadable))
            }
        }
    }

    /// Ends a list. Reports what may go unnoticed, and an empty list: a misspelled name would look
    /// the same.
    pub(super) fn end(&mut self) -> Result<(), CliError> {
        self.output.flush()?;
        match (self.written, self.unreadable) {
            (0, _) => eprintln!("no events match"),
            (_, 0) => {}
            (_, 1) => eprintln!("1 message can't be read"),
            (_, count) => eprintln!("{count} messages can't be read"),
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<(), CliError> {
        self.output.flush()
    }

    fn row(&mut self, fields: &Value) -> Result<(), CliError> {
        if self.written == 1 {
            let names = self.layout.columns.iter();
            let names: Vec<_> = names.map(|column| column.name.clone()).collect();
            self.line(&names)?;
            let rule = self.layout.columns.iter().map(|column| column.width + 2);
            let rule = rule.sum::<usize>().saturating_sub(2);
            self.output.line(&"─".repeat(rule))?;
        }
        let columns = self.layout.columns.iter();
        let cells = columns.map(|column| self.cell(&column.name, &fields[&column.name]));
        let cells: Vec<_> = cells.collect();
        self.line(&cells)?;
        if let Some(width) = self.layout.below {
            let data = self.cell("data", &fields["data"]);
            let data = truncate_str(&data, width, "…");
            self.output.line(&format!("    {data}"))?;
        }
        Ok(())
    }

    fn line(&mut self, cells: &[String]) -> Result<(), CliError> {
        let mut line = String::new();
        for (column, cell) in self.layout.columns.iter().zip(cells) {
            let cell = truncate_str(cell, column.width, "…");
            let padding = column.width.saturating_sub(measure_text_width(&cell));
            line.push_str(&cell);
            line.extend(std::iter::repeat_n(' ', padding + 2));
        }
        self.output.line(line.trim_end())
    }

    fn cell(&self, name: &str, value: &Value) -> String {
        match value {
            Value::Null => "–".to_owned(),
            // To the second or the millisecond; JSON has all digits.
            Value::String(time) if matches!(name, "time" | "stored_at") => {
                let form = if self.layout.short_ids {
                    "%Y-%m-%d %H:%M:%S"
                } else {
                    "%Y-%m-%d %H:%M:%S%.3f"
                };
                chrono::DateTime::parse_from_rfc3339(time).map_or_else(
                    |_| time.clone(),
                    |time| time.to_utc().format(form).to_string(),
                )
            }
            Value::String(id) if self.layout.short_ids && uuid::Uuid::parse_str(id).is_ok() => {
                // All IDs are ASCII.
                format!("…{}", &id[id.len() - 8..])
            }
            Value::String(text) => escaped(text).replace('\n', "\\n"),
            other => escaped(&other.to_string()).into_owned(),
        }
    }
}

/// An unreadable message, in the columns of an event.
fn in_columns(unreadable: &Unreadable) -> Value {
    serde_json::json!({
        "time": unreadable.stored_at,
        "stored_at": unreadable.stored_at,
        "stream": unreadable.stream,
        "sequence": unreadable.sequence,
        "event_type": "unreadable",
        "aggregate_id": unreadable.aggregate_id,
        "data": unreadable.why,
    })
}
