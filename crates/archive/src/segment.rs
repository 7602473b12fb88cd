//! One file of a table while it is written.

use arrow_ipc::writer::FileWriter;
use chrono::{DateTime, Utc};
use domain::AnyEvent;
use eventstore::Commit;
use parquet::{
    arrow::ArrowWriter,
    basic::Compression,
    file::properties::{EnabledStatistics, WriterProperties},
};
use std::path::{Path, PathBuf};

use crate::{
    ArchiveError, Format, TableSpec,
    atomic_file::{AtomicFile, Checksum},
    cells::{Kind, Texts},
    columns::{Columns, schema_of},
    ndjson::line::Line,
    tables::flatten,
};

/// Rows that are encoded at a time.
const BATCH: usize = 4_096;
/// Rows of a Parquet row group: what an encoder keeps in memory until it is complete.
const GROUP: usize = 32_768;

/// A file that grows by rows.
pub(crate) struct SegmentWriter {
    sink: Sink,
    path: PathBuf,
    pub rows: u64,
    pub times: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

enum Sink {
    Parquet(Columns, Box<ArrowWriter<AtomicFile>>),
    Arrow(Columns, Box<FileWriter<AtomicFile>>),
    Csv(Texts, Box<csv::Writer<AtomicFile>>),
    Ndjson(Box<AtomicFile>),
}

impl SegmentWriter {
    pub fn create(path: PathBuf, format: Format, table: &TableSpec) -> Result<Self, ArchiveError> {
        let file = AtomicFile::create(path.clone())?;
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
                let texts = Texts {
                    defused: format == Format::Spreadsheet,
                    ..Texts::default()
                };
                Sink::Csv(texts, Box::new(writer))
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
    pub fn add(
        &mut self,
        commit: &Commit,
        version: u64,
        event: &AnyEvent,
    ) -> Result<(), ArchiveError> {
        let path = &self.path;
        match &mut self.sink {
            Sink::Parquet(columns, writer) => {
                flatten(commit, version, event, columns);
                if columns.rows() >= BATCH {
                    let batch = columns.take();
                    let batch = batch.map_err(|error| ArchiveError::arrow(path, error))?;
                    let written = writer.write(&batch);
                    written.map_err(|error| ArchiveError::parquet(path, error))?;
                }
            }
            Sink::Arrow(columns, writer) => {
                flatten(commit, version, event, columns);
                if columns.rows() >= BATCH {
                    let written = columns.take().and_then(|batch| writer.write(&batch));
                    written.map_err(|error| ArchiveError::arrow(path, error))?;
                }
            }
            Sink::Csv(texts, writer) => {
                texts.row.clear();
                flatten(commit, version, event, texts);
                let written = writer.write_byte_record(&texts.row);
                written.map_err(|error| ArchiveError::csv(path, error))?;
            }
            Sink::Ndjson(writer) => {
                // Few commits have more than one event, so looking for it costs nothing.
                let line = Line::of(commit)?.find(|line| line.version == version);
                if let Some(line) = line {
                    let written = line.write(commit.stream, writer);
                    written.map_err(|error| ArchiveError::file(path, error))?;
                }
            }
        }
        self.rows += 1;
        let time = commit.metadata.time;
        let (first, last) = self.times.unwrap_or((time, time));
        self.times = Some((first.min(time), last.max(time)));
        Ok(())
    }

    /// Writes what waits and gives the file its name.
    pub fn finish(self, name: &Path) -> Result<Checksum, ArchiveError> {
        let path = &self.path;
        let file = match self.sink {
            Sink::Parquet(mut columns, mut writer) => {
                if columns.rows() > 0 {
                    let batch = columns.take();
                    let batch = batch.map_err(|error| ArchiveError::arrow(path, error))?;
                    let written = writer.write(&batch);
                    written.map_err(|error| ArchiveError::parquet(path, error))?;
                }
                let closed = writer.into_inner();
                closed.map_err(|error| ArchiveError::parquet(path, error))?
            }
            Sink::Arrow(mut columns, mut writer) => {
                let arrow = |error| ArchiveError::arrow(path, error);
                if columns.rows() > 0 {
                    let written = columns.take().and_then(|batch| writer.write(&batch));
                    written.map_err(arrow)?;
                }
                writer.finish().map_err(arrow)?;
                writer.into_inner().map_err(arrow)?
            }
            Sink::Csv(_, writer) => writer
                .into_inner()
                .map_err(|error| ArchiveError::file(path, error.into_error()))?,
            Sink::Ndjson(file) => *file,
        };
        file.keep(name)
    }
}

/// Snappy, because it costs next to nothing and every reader has it; no dictionaries where no
/// value comes twice.
fn properties(table: &TableSpec) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(GROUP))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for column in table.columns() {
        let repeats = match column.kind {
            Kind::Text => !column.name.ends_with("_id") && column.name != "reference",
            Kind::Money => true,
            Kind::Count | Kind::Time => false,
        };
        properties = properties.set_column_dictionary_enabled(column.name.into(), repeats);
    }
    properties.build()
}
