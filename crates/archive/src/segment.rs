//! One file of a table while it is being written.

use arrow_ipc::writer::FileWriter;
use chrono::{DateTime, Utc};
use parquet::{
    arrow::ArrowWriter,
    basic::Compression,
    file::properties::{EnabledStatistics, WriterProperties},
};
use std::path::{Path, PathBuf};

use crate::{
    ArchiveError, Format, TableSpec,
    atomic_file::{AtomicFile, Checksum},
    columns::{Columns, schema_of},
    csv_row::CsvRow,
    ndjson::line::Line,
    tables::{Extractor, Row},
};

/// Number of rows that are encoded together.
const BATCH: usize = 4_096;
/// Number of rows in a Parquet row group: an encoder keeps this many in memory.
const GROUP: usize = 32_768;

/// A file that is written row by row.
pub(crate) struct SegmentWriter {
    sink: Sink,
    path: PathBuf,
    pub rows: u64,
    pub times: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

enum Sink {
    Parquet(Columns, Box<ArrowWriter<AtomicFile>>),
    Arrow(Columns, Box<FileWriter<AtomicFile>>),
    Csv(CsvRow, Box<csv::Writer<AtomicFile>>),
    Ndjson(Box<AtomicFile>),
}

impl SegmentWriter {
    /// Begins a file in a folder; errors name it as it is called there, like the table.
    pub fn create(
        folder: &Path,
        format: Format,
        table: &'static TableSpec,
    ) -> Result<Self, ArchiveError> {
        let path = folder.join(format!("{}.{format}", table.name));
        let file = AtomicFile::create_in(folder);
        let file = file.map_err(|error| ArchiveError::file(&path, error))?;
        let sink = match format {
            Format::Parquet => {
                let schema = schema_of(table);
                let writer = ArrowWriter::try_new(file, schema, Some(properties(table)))
                    .map_err(|error| ArchiveError::parquet(&path, error))?;
                Sink::Parquet(Columns::new(table), Box::new(writer))
            }
            Format::Arrow => {
                let writer = FileWriter::try_new(file, &schema_of(table))
                    .map_err(|error| ArchiveError::arrow(&path, error))?;
                Sink::Arrow(Columns::new(table), Box::new(writer))
            }
            Format::Csv | Format::Spreadsheet => {
                let mut writer = csv::Writer::from_writer(file);
                writer
                    .write_record(table.columns().map(|column| column.name))
                    .map_err(|error| ArchiveError::csv(&path, error))?;
                let row = CsvRow::new(table, format == Format::Spreadsheet);
                Sink::Csv(row, Box::new(writer))
            }
            Format::Ndjson => Sink::Ndjson(Box::new(file)),
        };
        Ok(Self {
            sink,
            path,
            rows: 0,
            times: None,
        })
    }

    /// Adds an event.
    pub fn add(&mut self, row: &Row<'_>) -> Result<(), ArchiveError> {
        let path = &self.path;
        match &mut self.sink {
            Sink::Parquet(columns, _) | Sink::Arrow(columns, _) => {
                columns.add(row);
                if columns.rows >= BATCH {
                    self.sink.write_batch(path)?;
                }
            }
            Sink::Csv(csv_row, writer) => {
                let written = writer.write_byte_record(csv_row.of(row));
                written.map_err(|error| ArchiveError::csv(path, error))?;
            }
            Sink::Ndjson(writer) => {
                // Few commits have more than one event, so the search costs nothing.
                let line = Line::of(row.commit)?.find(|line| line.version == row.version);
                if let Some(line) = line {
                    let written = line.write(row.commit.stream, writer);
                    written.map_err(|error| ArchiveError::file(path, error))?;
                }
            }
        }
        self.rows += 1;
        let time = row.commit.metadata.time;
        let (first, last) = self.times.unwrap_or((time, time));
        self.times = Some((first.min(time), last.max(time)));
        Ok(())
    }

    /// Writes the remaining rows and gives the file its name.
    pub fn finish(mut self, name: &Path) -> Result<Checksum, ArchiveError> {
        let path = &self.path;
        self.sink.write_batch(path)?;
        let arrow = |error| ArchiveError::arrow(path, error);
        let file = match self.sink {
            Sink::Parquet(_, writer) => {
                let closed = writer.into_inner();
                closed.map_err(|error| ArchiveError::parquet(path, error))?
            }
            Sink::Arrow(_, mut writer) => {
                writer.finish().map_err(arrow)?;
                writer.into_inner().map_err(arrow)?
            }
            Sink::Csv(_, writer) => writer
                .into_inner()
                .map_err(|error| ArchiveError::file(path, error.into_error()))?,
            Sink::Ndjson(file) => *file,
        };
        let kept = file.keep(name);
        kept.map_err(|error| ArchiveError::file(name, error))
    }
}

impl Sink {
    /// Encodes the waiting rows.
    fn write_batch(&mut self, path: &Path) -> Result<(), ArchiveError> {
        let arrow = |error| ArchiveError::arrow(path, error);
        match self {
            Self::Parquet(columns, writer) if columns.rows > 0 => {
                let written = writer.write(&columns.take().map_err(arrow)?);
                written.map_err(|error| ArchiveError::parquet(path, error))
            }
            Self::Arrow(columns, writer) if columns.rows > 0 => {
                let batch = columns.take();
                batch.and_then(|batch| writer.write(&batch)).map_err(arrow)
            }
            _ => Ok(()),
        }
    }
}

/// Snappy, because it costs next to nothing and every reader supports it; no dictionaries where no
/// value occurs twice.
fn properties(table: &TableSpec) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(GROUP))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for column in table.columns() {
        let repeats = match column.value {
            Extractor::Text(_) => !column.name.ends_with("_id") && column.name != "reference",
            Extractor::Money(_) => true,
            Extractor::Id(_) | Extractor::Count(_) | Extractor::Time(_) => false,
        };
        properties = properties.set_column_dictionary_enabled(column.name.into(), repeats);
    }
    properties.build()
}
