//! Reading the tables that folds answer with, by name.

use analysis::{Cell, Table};
use api::Amount;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A table isn't what it was thought to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no fold answers with a table {table:?} that has {part:?} of the kind that is told")]
pub(crate) struct Mismatch {
    table: &'static str,
    part: &'static str,
}

/// The tables of several folds.
#[derive(Clone, Copy)]
pub(crate) struct Answers<'a>(pub &'a [Table]);

/// A row of one of them.
pub(crate) struct Row<'a> {
    table: &'a Table,
    cells: &'a [Cell],
}

impl<'a> Answers<'a> {
    /// The rows of a table.
    pub fn rows(self, table: &'static str) -> Result<Vec<Row<'a>>, Mismatch> {
        let found = self.0.iter().find(|found| found.name == table);
        let table = found.ok_or(Mismatch {
            table,
            part: "rows",
        })?;
        let rows = table.rows.iter();
        Ok(rows.map(|cells| Row { table, cells }).collect())
    }

    /// The last rows of a table, up to so many.
    pub fn newest(self, table: &'static str, most: usize) -> Result<Vec<Row<'a>>, Mismatch> {
        let mut rows = self.rows(table)?;
        rows.drain(..rows.len().saturating_sub(most));
        Ok(rows)
    }

    /// Each row of a table.
    pub fn all<T>(
        self,
        table: &'static str,
        each: impl Fn(&Row<'a>) -> Result<T, Mismatch>,
    ) -> Result<Vec<T>, Mismatch> {
        self.rows(table)?.iter().map(each).collect()
    }

    /// The row of a table that begins with this word.
    pub fn row(self, table: &'static str, first: &'static str) -> Result<Row<'a>, Mismatch> {
        let mut rows = self.rows(table)?.into_iter();
        let found = rows.find(|row| {
            let cell = row.cells.first();
            matches!(cell, Some(Cell::Text(text)) if text == first)
        });
        found.ok_or(Mismatch { table, part: first })
    }
}

impl Row<'_> {
    /// What stands in a column.
    pub fn get<T: Value>(&self, column: &'static str) -> Result<T, Mismatch> {
        let columns = self.table.columns.iter();
        let mut cells = columns.zip(self.cells);
        let found = cells.find(|(found, _)| found.name == column);
        found.and_then(|(_, cell)| T::of(cell)).ok_or(Mismatch {
            table: self.table.name,
            part: column,
        })
    }
}

/// What a cell can hold.
pub(crate) trait Value: Sized {
    /// `None` if it holds something else.
    fn of(cell: &Cell) -> Option<Self>;
}

impl Value for u64 {
    fn of(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Count(number) | Cell::Millis(number) => Some(*number),
            _ => None,
        }
    }
}

impl Value for Amount {
    fn of(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Money(cents) => Some(Self::from_cents(i64::try_from(*cents).ok()?)),
            _ => None,
        }
    }
}

impl Value for DateTime<Utc> {
    fn of(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Time(time) => Some(*time),
            _ => None,
        }
    }
}

impl Value for Uuid {
    fn of(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Text(text) => text.parse().ok(),
            _ => None,
        }
    }
}

impl<T: Value> Value for Option<T> {
    fn of(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Nothing => Some(None),
            cell => T::of(cell).map(Some),
        }
    }
}
