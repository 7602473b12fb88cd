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
pub(crate) struct Texts(pub csv::ByteRecord);

impl Cells for Texts {
    fn text(&mut self, value: Option<&str>) {
        self.0.push_field(value.unwrap_or_default().as_bytes());
    }

    fn count(&mut self, value: u64) {
        self.0.push_field(value.to_string().as_bytes());
    }

    fn money(&mut self, cents: u64) {
        self.0.push_field(analysis::money(cents).as_bytes());
    }

    fn time(&mut self, value: Option<DateTime<Utc>>) {
        let text = value.map(|time| time.to_rfc3339_opts(SecondsFormat::Micros, true));
        self.text(text.as_deref());
    }
}
