//! The output of commands: tables for people, one JSON object per line for programs.

use analysis::{Cell, Column, Table};
use chrono::NaiveTime;
use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table as Drawing, TableStyle,
};
use serde::Serialize;
use std::{
    borrow::Cow,
    fmt::Write as _,
    io::{self, BufWriter, IsTerminal, Write},
};

use super::CliError;

/// The form of the output.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct OutputArgs {
    /// One JSON object per line, even on a terminal (the default when piped)
    #[arg(long, conflicts_with = "table", help_heading = "Output")]
    json: bool,
    /// A table for people, even when piped (the default on a terminal)
    #[arg(long, help_heading = "Output")]
    table: bool,
}

/// The form of a report: in words, or as JSON for a program.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct SaidArgs {
    /// One JSON object per line instead of words
    #[arg(long, help_heading = "Output")]
    json: bool,
}

/// The output of a command.
#[derive(Debug)]
pub(crate) struct Output {
    to: BufWriter<io::Stdout>,
    for_people: bool,
}

/// A line of JSON that begins with its kind.
#[derive(Serialize)]
struct Line<'a, T> {
    kind: &'a str,
    #[serde(flatten)]
    value: &'a T,
}

impl OutputArgs {
    /// Opens standard output.
    pub(crate) fn open(self) -> Output {
        Output::to_stdout(self.table || !self.json && io::stdout().is_terminal())
    }

    /// Shows tables and nothing else.
    pub(crate) fn show(self, tables: &[Table]) -> Result<(), CliError> {
        let mut output = self.open();
        output.tables(tables)?;
        output.flush()
    }
}

impl SaidArgs {
    /// Opens standard output.
    pub(crate) fn open(self) -> Output {
        Output::to_stdout(!self.json)
    }
}

impl Output {
    fn to_stdout(for_people: bool) -> Self {
        Self {
            to: BufWriter::with_capacity(1 << 16, io::stdout()),
            for_people,
        }
    }

    /// Whether the output is for people and not for a program.
    pub(crate) fn is_table(&self) -> bool {
        self.for_people
    }

    /// Writes a line for people. Escapes what could rearrange it on a terminal.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), CliError> {
        writeln!(self.to, "{}", escaped(line)).map_err(CliError::Output)
    }

    /// Writes a value as a line of JSON, with its kind under `kind`. The value must be a map of
    /// names.
    pub(crate) fn record(&mut self, kind: &str, value: &impl Serialize) -> Result<(), CliError> {
        self.json(&Line { kind, value })
    }

    /// Writes a value as a line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        serde_json::to_writer(&mut self.to, value)
            .map_err(io::Error::from)
            .and_then(|()| self.to.write_all(b"\n"))
            .map_err(CliError::Output)
    }

    /// Reports one result: in words, or as a value.
    pub(crate) fn tell(
        &mut self,
        words: &str,
        kind: &str,
        value: &impl Serialize,
    ) -> Result<(), CliError> {
        if self.for_people {
            self.line(words)?;
        } else {
            self.record(kind, value)?;
        }
        self.flush()
    }

    /// Writes tables, each with its name and description.
    pub(crate) fn tables(&mut self, tables: &[Table]) -> Result<(), CliError> {
        for (i, table) in tables.iter().enumerate() {
            let written = if self.for_people {
                let apart = if i > 0 { "\n" } else { "" };
                let (name, doc) = (table.name, table.doc);
                let drawn = draw(table, width());
                writeln!(self.to, "{apart}{name}: {doc}\n{drawn}")
            } else {
                self.to.write_all(table.ndjson().as_bytes())
            };
            written.map_err(CliError::Output)?;
        }
        Ok(())
    }

    /// Flushes the output.
    pub(crate) fn flush(&mut self) -> Result<(), CliError> {
        self.to.flush().map_err(CliError::Output)
    }
}

/// Prints a line of a command with little output.
pub(crate) fn say(line: &str) -> Result<(), CliError> {
    writeln!(io::stdout(), "{}", escaped(line)).map_err(CliError::Output)
}

/// The help of a command that prints a table: its columns, and examples.
pub(crate) fn explained(columns: &[Column], examples: &str) -> String {
    let width = columns.iter().map(|column| column.name.len()).max();
    let width = width.unwrap_or_default();
    let lines = columns
        .iter()
        .map(|column| format!("  {:<width$}  {}\n", column.name, column.doc));
    format!(
        "Columns:\n{}\nExamples:\n{examples}",
        lines.collect::<String>()
    )
}

/// The width of the terminal; `None` without one.
pub(crate) fn width() -> Option<usize> {
    let terminal = console::Term::stdout();
    terminal.size_checked().map(|(_, width)| usize::from(width))
}

/// Escapes what a terminal would interpret instead of showing: control characters, and those that
/// change the direction of text. A user's title must not make a row look different.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    let is_wild = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_wild) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_wild(c) {
            // Writing to a string can't fail.
            let _ = write!(escaped, "\\u{{{:x}}}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// The style of all tables: a rule below the names, and none between rows.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// The minimum width of a text column, before a table becomes blocks.
const WORDS: usize = 16;

/// Draws a table: texts to the left, numbers to the right, no wider than the terminal. Texts are
/// wrapped, numbers never: if they don't fit, each row becomes a block.
fn draw(table: &Table, width: Option<usize>) -> String {
    let looks: Vec<_> = (0..table.columns.len())
        .map(|i| Look::of(table, i))
        .collect();
    // Durations are shown with their units.
    let names = table.columns.iter().map(|column| column.name);
    let names: Vec<_> = names
        .map(|name| name.strip_suffix("_ms").unwrap_or(name))
        .collect();
    let shown = |row: &Vec<Cell>| -> Vec<String> {
        let cells = row.iter().zip(&looks);
        cells.map(|(cell, look)| look.shown(cell)).collect()
    };
    let rows: Vec<_> = table.rows.iter().map(shown).collect();
    let mut drawing = Drawing::new();
    drawing.load_style(STYLE);
    let aligned = |texts: &[String]| -> Vec<_> {
        let cells = texts.iter().zip(&looks);
        let cell =
            |(text, look): (&String, &Look)| comfy_table::Cell::new(text).set_alignment(look.align);
        cells.map(cell).collect()
    };
    let head: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    drawing.set_header(aligned(&head));
    for row in &rows {
        drawing.add_row(aligned(row));
    }
    if let Some(width) = width {
        let natural = drawing.column_max_content_widths();
        let needed = natural.iter().zip(&looks).map(|(natural, look)| {
            let natural = usize::from(*natural);
            // A space on each side.
            2 + if look.is_of_words() {
                natural.min(WORDS)
            } else {
                natural
            }
        });
        if needed.sum::<usize>() > width {
            return blocks(&names, &rows);
        }
        drawing.set_content_arrangement(ContentArrangement::Dynamic);
        drawing.set_width(u16::try_from(width).unwrap_or(u16::MAX));
        for (column, look) in drawing.column_iter_mut().zip(&looks) {
            if !look.is_of_words() {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
    }
    let drawn = drawing.to_string();
    let lines = drawn.lines().map(str::trim_end);
    lines.collect::<Vec<_>>().join("\n")
}

/// Each row as lines of a name and a value.
fn blocks(names: &[&str], rows: &[Vec<String>]) -> String {
    let widest = names.iter().map(|name| name.len()).max().unwrap_or(0);
    let blocks = rows.iter().map(|row| {
        let lines = names.iter().zip(row);
        let lines = lines.map(|(name, value)| format!(" {name:<widest$}  {value}"));
        lines.collect::<Vec<_>>().join("\n")
    });
    blocks.collect::<Vec<_>>().join("\n\n")
}

/// The format of a column.
struct Look {
    align: CellAlignment,
    /// Whether it holds times.
    times: bool,
    /// Whether its times are all days.
    days: bool,
}

impl Look {
    fn of(table: &Table, i: usize) -> Self {
        let cells = || table.rows.iter().filter_map(|row| row.get(i));
        let is_word = |cell: &Cell| matches!(cell, Cell::Text(_) | Cell::Words(_) | Cell::Time(_));
        let is_number = |cell: &Cell| !is_word(cell) && !matches!(cell, Cell::Nothing);
        let is_day = |cell: &Cell| match cell {
            Cell::Time(time) => time.time() == NaiveTime::MIN,
            _ => true,
        };
        Self {
            // A column of numbers stays one if it is empty.
            align: if cells().any(is_number) {
                CellAlignment::Right
            } else {
                CellAlignment::Left
            },
            times: cells().any(|cell| matches!(cell, Cell::Time(_))),
            days: cells().all(is_day),
        }
    }

    fn is_of_words(&self) -> bool {
        self.align == CellAlignment::Left && !self.times
    }

    fn shown(&self, cell: &Cell) -> String {
        let text = match cell {
            Cell::Time(time) if self.days => time.format("%Y-%m-%d").to_string(),
            cell => cell.to_string(),
        };
        escaped(&text).replace('\n', "\\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use analysis::Column;

    #[test]
    fn bidirectional_control_characters_are_escaped() {
        assert_eq!(escaped("Seat \u{202e}1"), "Seat \\u{202e}1");
        assert_eq!(escaped("\u{1b}[2J\u{2066}"), "\\u{1b}[2J\\u{2066}");
        for plain in ["Ärger", "山", "שלום", "two\nlines", "👩‍👩‍👧"] {
            assert_eq!(escaped(plain), plain);
        }
    }

    #[test]
    fn a_table_fits_the_terminal_and_keeps_all_text() {
        const COLUMNS: &[Column] = &[
            Column {
                name: "words",
                doc: "",
            },
            Column {
                name: "more",
                doc: "",
            },
        ];
        let words = "one two three four five six seven eight nine ten";
        let table = Table {
            name: "t",
            doc: "",
            columns: COLUMNS,
            rows: vec![vec![Cell::Text(words.to_owned()), Cell::Count(7)]],
        };
        for width in [30, 40, 80] {
            let drawn = draw(&table, Some(width));
            let widest = drawn.lines().map(console::measure_text_width).max();
            assert!(widest <= Some(width), "{widest:?}\n{drawn}");
            for word in words.split(' ') {
                assert!(drawn.contains(word), "{word} at {width}\n{drawn}");
            }
        }
    }

    #[test]
    fn numbers_are_never_wrapped() {
        const COLUMNS: &[Column] = &[Column {
            name: "amount",
            doc: "",
        }; 6];
        let table = Table {
            name: "t",
            doc: "",
            columns: COLUMNS,
            rows: vec![vec![Cell::Money(12_345_678_900); 6]; 2],
        };
        for width in [20, 60, 70, 100, 200] {
            let drawn = draw(&table, Some(width));
            assert_eq!(drawn.matches("123456789.00").count(), 12, "{drawn}");
            let widest = drawn.lines().map(console::measure_text_width).max();
            assert!(widest <= Some(width.max(22)), "{widest:?}\n{drawn}");
        }
    }

    #[test]
    fn days_are_dates_and_missing_numbers_are_right_aligned() {
        const COLUMNS: &[Column] = &[
            Column {
                name: "day",
                doc: "",
            },
            Column {
                name: "median_ms",
                doc: "",
            },
        ];
        let day = |text: &str| Cell::Time(text.parse().unwrap());
        let table = Table {
            name: "t",
            doc: "",
            columns: COLUMNS,
            rows: vec![
                vec![day("2026-03-01T00:00:00Z"), Cell::Nothing],
                vec![day("2026-03-02T00:00:00Z"), Cell::Millis(316_000)],
            ],
        };
        let drawn = draw(&table, None);
        let lines: Vec<_> = drawn.lines().collect();
        assert_eq!(lines.len(), 4, "{drawn}");
        assert!(!drawn.contains("00:00"), "{drawn}");
        assert!(lines[0].ends_with("median"), "{drawn}");
        assert_eq!(
            console::measure_text_width(lines[2]),
            console::measure_text_width(lines[3]),
            "{drawn}"
        );
    }
}
