//! A row, cell by cell, whatever it is written to.

use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text; an id is text, too, since that is what every tool can join on.
    Text,
    /// A whole number.
    Count,
    /// An amount: a decimal with two places.
    Money,
    /// A moment, in UTC, to the microsecond.
    Time,
}

impl Kind {
    /// Its name in a manifest.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Count => "integer",
            Self::Money => "decimal(12,2)",
            Self::Time => "timestamp(us, UTC)",
        }
    }
}

/// Takes the cells of a row, in the order of the table's columns.
pub(crate) trait Cells {
    /// A text, or nothing.
    fn text(&mut self, value: Option<&str>);
    /// A whole number.
    fn count(&mut self, value: u64);
    /// An amount in cents.
    fn money(&mut self, cents: u64);
    /// A moment, or nothing.
    fn time(&mut self, value: Option<DateTime<Utc>>);

    /// An id.
    fn id(&mut self, id: Uuid) {
        let mut buffer = Uuid::encode_buffer();
        self.text(Some(id.hyphenated().encode_lower(&mut buffer)));
    }
}

/// A row of texts, for CSV.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    pub row: csv::ByteRecord,
    /// Whether a text that a spreadsheet would run as a formula is made a text.
    pub defused: bool,
}

/// Whether a spreadsheet takes a text for a formula, by how it begins (OWASP, CSV Injection).
fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

impl Cells for Texts {
    fn text(&mut self, value: Option<&str>) {
        match value.unwrap_or_default() {
            text if self.defused && is_formula(text) => {
                self.row.push_field(format!("'{text}").as_bytes());
            }
            text => self.row.push_field(text.as_bytes()),
        }
    }

    fn count(&mut self, value: u64) {
        self.row.push_field(value.to_string().as_bytes());
    }

    fn money(&mut self, cents: u64) {
        self.row.push_field(analysis::money(cents).as_bytes());
    }

    fn time(&mut self, value: Option<DateTime<Utc>>) {
        let text = value.map(|time| time.to_rfc3339_opts(SecondsFormat::Micros, true));
        self.text(text.as_deref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(defused: bool, texts: &[&str]) -> Vec<String> {
        let mut row = Texts {
            defused,
            ..Texts::default()
        };
        for text in texts {
            row.text(Some(text));
        }
        let fields = row.row.iter();
        fields
            .map(|field| String::from_utf8(field.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn a_spreadsheet_gets_texts_and_no_formulas() {
        let titles = ["=1+1", "+1", "-1", "@SUM(A1)", "a=1", "1-1", ""];
        assert_eq!(written(false, &titles), titles);
        let safe = ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "a=1", "1-1", ""];
        assert_eq!(written(true, &titles), safe);
    }
}
