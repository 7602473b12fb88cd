//! Rows as CSV.

use chrono::SecondsFormat;
use csv::ByteRecord;

use crate::tables::{Extractor, Row, TableSpec};

/// A row of texts.
#[derive(Debug)]
pub(crate) struct CsvRow {
    table: &'static TableSpec,
    /// Whether to escape texts that a spreadsheet would run as a formula.
    escapes_formulas: bool,
    record: ByteRecord,
}

impl CsvRow {
    pub fn new(table: &'static TableSpec, escapes_formulas: bool) -> Self {
        Self {
            table,
            escapes_formulas,
            record: ByteRecord::new(),
        }
    }

    /// The row as a record.
    pub fn of(&mut self, row: &Row<'_>) -> &ByteRecord {
        self.record.clear();
        for column in self.table.columns() {
            let text = match column.value {
                Extractor::Text(value) => {
                    self.push_text(value(row).unwrap_or_default());
                    continue;
                }
                Extractor::Id(value) => value(row).map(|id| id.to_string()),
                Extractor::Count(value) => value(row).map(|count| count.to_string()),
                Extractor::Money(value) => value(row).map(analysis::money),
                Extractor::Time(value) => {
                    value(row).map(|time| time.to_rfc3339_opts(SecondsFormat::Micros, true))
                }
            };
            self.record.push_field(text.unwrap_or_default().as_bytes());
        }
        &self.record
    }

    fn push_text(&mut self, text: &str) {
        if self.escapes_formulas && is_formula(text) {
            self.record.push_field(format!("'{text}").as_bytes());
        } else {
            self.record.push_field(text.as_bytes());
        }
    }
}

/// Whether a spreadsheet takes a text for a formula, by its beginning (OWASP, CSV Injection).
fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_exported_as_text() {
        let written = |escapes_formulas, texts: &[&str]| {
            let mut row = CsvRow::new(&crate::TABLES[0], escapes_formulas);
            for text in texts {
                row.push_text(text);
            }
            let fields = row.record.iter();
            fields
                .map(|field| String::from_utf8(field.to_vec()).unwrap())
                .collect::<Vec<_>>()
        };
        let titles = ["=1+1", "+1", "-1", "@SUM(A1)", "a=1", "1-1", ""];
        assert_eq!(written(false, &titles), titles);
        let safe = ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "a=1", "1-1", ""];
        assert_eq!(written(true, &titles), safe);
    }
}
