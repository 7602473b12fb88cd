//! What a command prints: tables for people, one JSON object a line for programs.

use analysis::{Cell, Table};
use comfy_table::{CellAlignment, Table as Drawing, presets};
use serde::Serialize;
use std::io::{self, BufWriter, IsTerminal, Write};

use super::CommandError;

/// How an answer is shown.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct OutputArgs {
    /// One JSON object a line, also on a terminal (the default when piped)
    #[arg(long, conflicts_with = "table", help_heading = "Output")]
    json: bool,
    /// A table for people, also when piped (the default on a terminal)
    #[arg(long, help_heading = "Output")]
    table: bool,
}

/// Where an answer goes.
#[derive(Debug)]
pub(crate) struct Output {
    to: BufWriter<io::Stdout>,
    for_people: bool,
}

impl OutputArgs {
    /// Opens standard output.
    pub(crate) fn open(self) -> Output {
        Output {
            to: BufWriter::with_capacity(1 << 16, io::stdout()),
            for_people: self.table || !self.json && io::stdout().is_terminal(),
        }
    }
}

impl Output {
    /// Whether a person reads it, and not a program.
    pub(crate) fn is_for_people(&self) -> bool {
        self.for_people
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), CommandError> {
        writeln!(self.to, "{line}").map_err(CommandError::Output)
    }

    /// Writes a value as a line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), CommandError> {
        serde_json::to_writer(&mut self.to, value)
            .map_err(io::Error::from)
            .and_then(|()| self.to.write_all(b"\n"))
            .map_err(CommandError::Output)
    }

    /// Writes tables, each with its name and what it says.
    pub(crate) fn tables(&mut self, tables: &[Table]) -> Result<(), CommandError> {
        for (i, table) in tables.iter().enumerate() {
            let written = if self.for_people {
                let apart = if i > 0 { "\n" } else { "" };
                let (name, doc) = (table.name, table.doc);
                writeln!(self.to, "{apart}{name}: {doc}\n{}", draw(table))
            } else {
                self.to.write_all(table.ndjson().as_bytes())
            };
            written.map_err(CommandError::Output)?;
        }
        Ok(())
    }

    /// Sends what was written so far.
    pub(crate) fn flush(&mut self) -> Result<(), CommandError> {
        self.to.flush().map_err(CommandError::Output)
    }
}

/// Prints a line, of a command that says no more than a few.
pub(crate) fn say(line: &str) -> Result<(), CommandError> {
    writeln!(io::stdout(), "{line}").map_err(CommandError::Output)
}

/// Draws a table: names to the left, numbers to the right.
fn draw(table: &Table) -> String {
    let mut drawing = Drawing::new();
    drawing.load_style(presets::UTF8_HORIZONTAL_ONLY);
    drawing.set_header(table.columns.iter().map(|column| column.name));
    for row in &table.rows {
        drawing.add_row(row.iter().map(|cell| {
            let align = match cell {
                Cell::Text(_) | Cell::Time(_) | Cell::Nothing => CellAlignment::Left,
                _ => CellAlignment::Right,
            };
            comfy_table::Cell::new(cell).set_alignment(align)
        }));
    }
    let drawn = drawing.to_string();
    let lines = drawn.lines().map(str::trim_end);
    lines.collect::<Vec<_>>().join("\n")
}
