//! Collects rows column by column, for Parquet and Arrow.

use arrow_array::{
    ArrayRef, RecordBatch,
    builder::{Decimal128Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder},
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use chrono::{DateTime, Utc};
use std::sync::Arc;
use uuid::Uuid;

use crate::tables::{Extract, ExtractText, Extractor, Row, TableSpec};

/// More than any price needs: ten digits before the decimal point.
const MONEY: DataType = DataType::Decimal128(12, 2);

/// Rows that are not written yet.
pub(crate) struct Columns {
    schema: SchemaRef,
    builders: Vec<Builder>,
    pub rows: usize,
}

enum Builder {
    Text(ExtractText, StringBuilder),
    Id(Extract<Uuid>, StringBuilder),
    Count(Extract<u64>, Int64Builder),
    Money(Extract<u64>, Decimal128Builder),
    Time(Extract<DateTime<Utc>>, TimestampMicrosecondBuilder),
}

/// The columns of a table as an Arrow schema.
pub(crate) fn schema_of(table: &TableSpec) -> SchemaRef {
    let fields = table.columns().map(|column| {
        let data_type = match column.value {
            Extractor::Text(_) | Extractor::Id(_) => DataType::Utf8,
            Extractor::Count(_) => DataType::Int64,
            Extractor::Money(_) => MONEY,
            Extractor::Time(_) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        };
        Field::new(column.name, data_type, column.optional)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

impl Columns {
    pub fn new(table: &TableSpec) -> Self {
        let builders = table.columns().map(|column| match column.value {
            Extractor::Text(value) => Builder::Text(value, StringBuilder::new()),
            Extractor::Id(value) => Builder::Id(value, StringBuilder::new()),
            Extractor::Count(value) => Builder::Count(value, Int64Builder::new()),
            Extractor::Money(value) => {
                Builder::Money(value, Decimal128Builder::new().with_data_type(MONEY))
            }
            Extractor::Time(value) => {
                let builder = TimestampMicrosecondBuilder::new();
                Builder::Time(value, builder.with_timezone("UTC"))
            }
        });
        Self {
            schema: schema_of(table),
            builders: builders.collect(),
            rows: 0,
        }
    }

    /// Adds a row.
    pub fn add(&mut self, row: &Row<'_>) {
        for builder in &mut self.builders {
            builder.append(row);
        }
        self.rows += 1;
    }

    /// Takes the rows that are not written yet. Fails if a required value is missing.
    pub fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        self.rows = 0;
        let columns = self.builders.iter_mut().map(Builder::finish).collect();
        RecordBatch::try_new(self.schema.clone(), columns)
    }
}

impl Builder {
    fn append(&mut self, row: &Row<'_>) {
        match self {
            Self::Text(value, builder) => builder.append_option(value(row)),
            Self::Id(value, builder) => {
                let mut buffer = Uuid::encode_buffer();
                let id = value(row);
                builder.append_option(id.map(|id| id.hyphenated().encode_lower(&mut buffer)));
            }
            Self::Count(value, builder) => {
                builder.append_option(value(row).and_then(|count| i64::try_from(count).ok()));
            }
            Self::Money(value, builder) => builder.append_option(value(row).map(i128::from)),
            Self::Time(value, builder) => {
                builder.append_option(value(row).map(|time| time.timestamp_micros()));
            }
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(_, builder) | Self::Id(_, builder) => Arc::new(builder.finish()),
            Self::Count(_, builder) => Arc::new(builder.finish()),
            Self::Money(_, builder) => Arc::new(builder.finish()),
            Self::Time(_, builder) => Arc::new(builder.finish()),
        }
    }
}
