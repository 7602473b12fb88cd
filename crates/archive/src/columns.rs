//! Rows, collected column by column, for Parquet and Arrow.

use arrow_array::{
    ArrayRef, RecordBatch,
    builder::{
        ArrayBuilder as _, Decimal128Builder, Int64Builder, StringBuilder,
        TimestampMicrosecondBuilder,
    },
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use chrono::{DateTime, Utc};
use std::sync::Arc;

use crate::{
    cells::{Cells, Kind},
    tables::TableSpec,
};

/// More than any price needs: ten digits before the point.
const PRECISION: u8 = 12;
const SCALE: i8 = 2;

/// Rows that wait to be written.
#[derive(Debug)]
pub(crate) struct Columns {
    schema: SchemaRef,
    builders: Vec<Builder>,
    /// The column of the next cell.
    next: usize,
    /// Whether a cell came that its column can't hold: a defect in the description of the table.
    mismatch: bool,
}

#[derive(Debug)]
enum Builder {
    Text(StringBuilder),
    Count(Int64Builder),
    Money(Decimal128Builder),
    Time(TimestampMicrosecondBuilder),
}

/// The columns of a table as Arrow has them.
pub(crate) fn schema_of(table: &TableSpec) -> SchemaRef {
    let fields = table.columns().map(|column| {
        let kind = match column.kind {
            Kind::Text => DataType::Utf8,
            Kind::Count => DataType::Int64,
            Kind::Money => DataType::Decimal128(PRECISION, SCALE),
            Kind::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        };
        Field::new(column.name, kind, column.optional)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

impl Columns {
    pub fn new(table: &TableSpec) -> Self {
        let builders = table.columns().map(|column| match column.kind {
            Kind::Text => Builder::Text(StringBuilder::new()),
            Kind::Count => Builder::Count(Int64Builder::new()),
            Kind::Money => {
                let builder = Decimal128Builder::new();
                let kind = DataType::Decimal128(PRECISION, SCALE);
                Builder::Money(builder.with_data_type(kind))
            }
            Kind::Time => Builder::Time(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
        });
        Self {
            schema: schema_of(table),
            builders: builders.collect(),
            next: 0,
            mismatch: false,
        }
    }

    /// How many rows wait.
    pub fn rows(&self) -> usize {
        match self.builders.first() {
            Some(Builder::Text(builder)) => builder.len(),
            Some(Builder::Count(builder)) => builder.len(),
            Some(Builder::Money(builder)) => builder.len(),
            Some(Builder::Time(builder)) => builder.len(),
            None => 0,
        }
    }

    /// Takes the rows that wait.
    pub fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        if self.mismatch || self.next != 0 {
            let why = "a row doesn't have the cells of its table".to_owned();
            return Err(ArrowError::SchemaError(why));
        }
        let columns: Vec<ArrayRef> = self
            .builders
            .iter_mut()
            .map(|builder| match builder {
                Builder::Text(builder) => Arc::new(builder.finish()) as ArrayRef,
                Builder::Count(builder) => Arc::new(builder.finish()),
                Builder::Money(builder) => Arc::new(builder.finish()),
                Builder::Time(builder) => Arc::new(builder.finish()),
            })
            .collect();
        RecordBatch::try_new(self.schema.clone(), columns)
    }

    fn cell(&mut self, put: impl FnOnce(&mut Builder) -> bool) {
        let fits = self.builders.get_mut(self.next).is_some_and(put);
        self.mismatch |= !fits;
        self.next = (self.next + 1) % self.builders.len().max(1);
    }
}

impl Cells for Columns {
    fn text(&mut self, value: Option<&str>) {
        self.cell(|builder| match builder {
            Builder::Text(builder) => {
                builder.append_option(value);
                true
            }
            _ => false,
        });
    }

    fn count(&mut self, value: u64) {
        self.cell(|builder| match (builder, i64::try_from(value)) {
            (Builder::Count(builder), Ok(value)) => {
                builder.append_value(value);
                true
            }
            _ => false,
        });
    }

    fn money(&mut self, cents: u64) {
        self.cell(|builder| match builder {
            Builder::Money(builder) => {
                builder.append_value(i128::from(cents));
                true
            }
            _ => false,
        });
    }

    fn time(&mut self, value: Option<DateTime<Utc>>) {
        self.cell(|builder| match builder {
            Builder::Time(builder) => {
                builder.append_option(value.map(|time| time.timestamp_micros()));
                true
            }
            _ => false,
        });
    }
}
