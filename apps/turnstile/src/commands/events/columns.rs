//! How events look as rows.

use analysis::{EVENT_COLUMNS, EventRow};
use clap::builder::PossibleValue;
use console::{measure_text_width, truncate_str};
use serde_json::Value;
use std::fmt::Write as _;

use crate::commands::{CommandError, output::Output};

/// The width of a table where the terminal's isn't known.
const WIDTH: usize = 200;
/// What is left for `data`, at least.
const DATA: usize = 20;

/// Which columns are shown.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ColumnArgs {
    /// The columns of the table for people, separated by commas; JSON always has all of them
    #[arg(
        long,
        value_delimiter = ',',
        value_parser = clap::builder::PossibleValuesParser::new(names()),
        default_values = ["time", "stream", "sequence", "event_type", "aggregate_id", "version", "actor", "data"],
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

/// Every column in words, for the help.
pub(super) fn explained() -> String {
    let mut text = "Columns:".to_owned();
    for column in EVENT_COLUMNS {
        // Writing to a text can't fail.
        let _ = write!(text, "\n  {:<15} {}", column.name, column.doc);
    }
    text
}

/// Writes events, one a line. Rows come one by one and for as long as one likes, so the widths are
/// fixed: measuring would mean to wait for the last.
#[derive(Debug)]
pub(super) struct Writer {
    output: Output,
    columns: Vec<String>,
    headed: bool,
    width: usize,
}

impl Writer {
    pub(super) fn new(output: Output, columns: ColumnArgs) -> Self {
        let terminal = console::Term::stdout();
        let width = terminal.size_checked().map(|(_, width)| usize::from(width));
        Self {
            output,
            columns: columns.columns,
            headed: false,
            width: width.unwrap_or(WIDTH),
        }
    }

    /// Writes an event; its secrets are left out.
    pub(super) fn write(&mut self, row: EventRow) -> Result<(), CommandError> {
        let row = row.without_secrets();
        if !self.output.is_for_people() {
            return self.output.json(&row);
        }
        let fields = serde_json::to_value(&row).unwrap_or_default();
        if !self.headed {
            self.headed = true;
            let head = self.columns.iter().map(|name| name.to_uppercase());
            self.line(&head.collect::<Vec<_>>())?;
        }
        let cells = self.columns.iter().map(|name| cell(name, &fields[name]));
        self.line(&cells.collect::<Vec<_>>())
    }

    pub(super) fn flush(&mut self) -> Result<(), CommandError> {
        self.output.flush()
    }

    fn line(&mut self, cells: &[String]) -> Result<(), CommandError> {
        let mut line = String::new();
        let mut used = 0;
        for (name, cell) in self.columns.iter().zip(cells) {
            let width = width_of(name).unwrap_or_else(|| {
                let left = self.width.saturating_sub(used);
                left.max(DATA)
            });
            let cell = truncate_str(cell, width, "…");
            let padding = width.saturating_sub(measure_text_width(&cell));
            line.push_str(&cell);
            line.extend(std::iter::repeat_n(' ', padding + 2));
            used += width + 2;
        }
        self.output.line(line.trim_end())
    }
}

/// How wide a column is; nothing for the one that takes the rest.
fn width_of(name: &str) -> Option<usize> {
    Some(match name {
        "time" | "stored_at" => 23,
        "stream" | "sequence" | "version" => 8,
        "aggregate_type" | "schema_version" => 14,
        "event_type" => 20,
        "data" => return None,
        "trace_parent" => 55,
        // Ids.
        _ => 36,
    })
}

fn cell(name: &str, value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        // To the millisecond; JSON has all of it.
        Value::String(time) if matches!(name, "time" | "stored_at") => {
            chrono::DateTime::parse_from_rfc3339(time).map_or_else(
                |_| time.clone(),
                |time| time.to_utc().format("%Y-%m-%d %H:%M:%S%.3f").to_string(),
            )
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
