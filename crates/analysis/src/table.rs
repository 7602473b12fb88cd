//! Results: tables with a fixed order of columns and rows, exact to the cent.

use api::Amount;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::fmt;

/// The columns of a table, by name and meaning.
#[macro_export]
macro_rules! columns {
    ($($name:literal: $doc:literal),* $(,)?) => {
        &[$($crate::Column { name: $name, doc: $doc }),*]
    };
}

/// A table: its name, its meaning, and of each column the name, the meaning, and the cell of a row.
macro_rules! table {
    ($name:literal, $doc:literal, $rows:expr, |$row:pat_param| {
        $($column:literal: $meaning:literal => $cell:expr,)*
    }) => {
        $crate::Table::new(
            $name,
            $doc,
            $crate::columns![$($column: $meaning),*],
            $rows.into_iter().map(|$row| vec![$($cell),*]),
        )
    };
}
pub(crate) use table;

/// One column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name: the key in JSON, the header in a table.
    pub name: &'static str,
    /// Its meaning, in words.
    pub doc: &'static str,
}

/// One value.
///
/// As JSON, counts and milliseconds are integers, while money and shares are decimal texts
/// (`"19.99"`, `"0.4213"`): a number there would be read as floating point, and sums of those
/// aren't exact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// There is none.
    Nothing,
    /// A word, a name, an id.
    Text(String),
    /// Several words; an array in JSON.
    Words(Vec<String>),
    /// A number of things.
    Count(u64),
    /// An amount, in cents.
    Money(u64),
    /// A moment.
    Time(DateTime<Utc>),
    /// How long something took, in milliseconds.
    Millis(u64),
    /// A part of a whole; no value if the whole is 0.
    Share {
        /// The part.
        part: u64,
        /// The whole.
        of: u64,
    },
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its meaning, in a sentence.
    pub doc: &'static str,
    /// Its columns.
    pub columns: &'static [Column],
    /// Its rows, with one cell per column.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with these rows.
    pub fn new(
        name: &'static str,
        doc: &'static str,
        columns: &'static [Column],
        rows: impl IntoIterator<Item = Vec<Cell>>,
    ) -> Self {
        let rows = rows.into_iter().collect();
        Self {
            name,
            doc,
            columns,
            rows,
        }
    }

    /// The table as one JSON object per line, each with the table's name as `table`.
    pub fn ndjson(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let row = Row { table: self, row };
            // Texts, numbers and `null` under text keys always serialize.
            text.push_str(&serde_json::to_string(&row).unwrap_or_default());
            text.push('\n');
        }
        text
    }
}

/// A row, for JSON.
struct Row<'a> {
    table: &'a Table,
    row: &'a [Cell],
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.row.len() + 1))?;
        map.serialize_entry("table", self.table.name)?;
        for (column, cell) in self.table.columns.iter().zip(self.row) {
            map.serialize_entry(column.name, cell)?;
        }
        map.end()
    }
}

impl Cell {
    /// An amount that isn't negative.
    pub fn money(amount: Amount) -> Self {
        Self::Money(amount.cents.unsigned_abs())
    }

    pub(crate) const fn share(part: u64, of: u64) -> Self {
        Self::Share { part, of }
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing | Self::Share { of: 0, .. } => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Words(words) => words.serialize(serializer),
            Self::Count(number) | Self::Millis(number) => serializer.serialize_u64(*number),
            Self::Money(cents) => serializer.serialize_str(&money(*cents)),
            Self::Time(time) => serializer.serialize_str(&timestamp(*time)),
            Self::Share { part, of } => serializer.serialize_str(&share(*part, *of)),
        }
    }
}

/// For display: `42.13 %`, `1 h 30 min`, `–` without a value.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing | Self::Share { of: 0, .. } => f.write_str("–"),
            Self::Words(words) if words.is_empty() => f.write_str("–"),
            Self::Words(words) => f.write_str(&words.join(", ")),
            Self::Text(text) => f.write_str(text),
            Self::Count(number) => number.fmt(f),
            Self::Money(cents) => f.write_str(&money(*cents)),
            Self::Time(time) => time.format("%Y-%m-%d %H:%M:%S").fmt(f),
            Self::Millis(millis) => f.write_str(&duration(*millis)),
            Self::Share { part, of } => {
                let parts = parts_of_ten_thousand(*part, *of);
                write!(f, "{}.{:02} %", parts / 100, parts % 100)
            }
        }
    }
}

/// Cents as whole units with two decimals: `19.99`.
pub fn money(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// A part of a whole with four decimals, rounded to the nearest: `0.4213`.
pub fn share(part: u64, of: u64) -> String {
    let parts = parts_of_ten_thousand(part, of);
    format!("{}.{:04}", parts / 10_000, parts % 10_000)
}

fn parts_of_ten_thousand(part: u64, of: u64) -> u128 {
    rounded(u128::from(part) * 10_000, u128::from(of))
}

/// A quotient, rounded to the nearest integer; 0 if the divisor is 0.
pub(crate) fn rounded(part: u128, of: u128) -> u128 {
    (part + of / 2).checked_div(of).unwrap_or(0)
}

fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// The two largest units; more would not be read.
fn duration(millis: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "min"),
        (1_000, "s"),
    ];
    for (i, (size, unit)) in UNITS.iter().enumerate() {
        if millis >= *size {
            let (whole, rest) = (millis / size, millis % size);
            return match UNITS.get(i + 1) {
                Some((smaller, name)) if rest >= *smaller => {
                    format!("{whole} {unit} {} {name}", rest / smaller)
                }
                None => format!("{whole}.{} s", rest / 100),
                _ => format!("{whole} {unit}"),
            };
        }
    }
    format!("{millis} ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_and_shares_are_exact_texts_in_json() {
        let table = Table {
            name: "sales",
            doc: "",
            columns: &[
                Column {
                    name: "revenue",
                    doc: "",
                },
                Column {
                    name: "share",
                    doc: "",
                },
                Column {
                    name: "mean",
                    doc: "",
                },
            ],
            rows: vec![vec![
                Cell::Money(1_999),
                Cell::Share { part: 2, of: 3 },
                Cell::Nothing,
            ]],
        };
        assert_eq!(
            table.ndjson(),
            "{\"table\":\"sales\",\"revenue\":\"19.99\",\"share\":\"0.6667\",\"mean\":null}\n"
        );
    }

    #[test]
    fn a_share_of_an_empty_total_is_empty() {
        let share = Cell::Share { part: 0, of: 0 };
        assert_eq!(share.to_string(), "–");
        assert_eq!(serde_json::to_string(&share).unwrap(), "null");
    }

    #[test]
    fn durations_show_two_units() {
        for (millis, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_200, "1.2 s"),
            (61_000, "1 min 1 s"),
            (3_600_000, "1 h"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(Cell::Millis(millis).to_string(), text);
        }
    }
}
