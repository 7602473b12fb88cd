//! The contents of an export, and its progress.

use analysis::Range;
use chrono::{DateTime, Utc};
use event_streams::TICKETS;
use eventstore::StreamName;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    io::{ErrorKind, Write as _},
    path::Path,
};

use crate::{
    ArchiveError, Format, TABLES,
    atomic_file::{AtomicFile, checksum_of},
    tables::TableSpec,
};

/// The file's name.
pub(crate) const NAME: &str = "manifest.json";
/// The layout that this release writes and reads.
const LAYOUT: u32 = 1;

/// The contents of `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the folder's layout.
    pub layout: u32,
    /// The format of all files.
    pub format: Format,
    /// The requested start, if any.
    pub from: Option<DateTime<Utc>>,
    /// The requested end, if any.
    pub to: Option<DateTime<Utc>>,
    /// Whether later commits belong to it: no end was requested.
    pub open: bool,
    /// Whether everything that was requested is included.
    pub complete: bool,
    /// The exported part of each stream, by name.
    pub streams: BTreeMap<String, StreamPart>,
    /// The tables, by name; in a complete export all of them, even those without rows.
    pub tables: BTreeMap<String, TablePart>,
}

/// A part of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamPart {
    /// The creation time of the stream: its identity.
    pub created: DateTime<Utc>,
    /// The first sequence.
    pub first: u64,
    /// The last sequence; one less than the first if the part is empty.
    pub last: u64,
    /// The first sequence that isn't exported yet.
    pub next: u64,
}

/// The rows of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TablePart {
    /// Their number.
    pub rows: u64,
    /// The columns, each with its type; none in NDJSON, where every line names its fields.
    pub columns: Vec<(String, String)>,
    /// The files, in the stream's order.
    pub parts: Vec<Segment>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Its path in the folder.
    pub file: String,
    /// The number of rows.
    pub rows: u64,
    /// Its range of sequences, first and last; most are in other tables' files.
    pub sequences: (u64, u64),
    /// The earliest and the latest time in it; `None` without rows.
    pub times: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

/// The columns of a table in this release, each with its type.
fn columns_of(table: &TableSpec) -> Vec<(String, String)> {
    let columns = table.columns();
    let named = columns.map(|c| (c.name.to_owned(), c.value.type_name().to_owned()));
    named.collect()
}

impl Manifest {
    pub(crate) fn new(format: Format, range: &Range) -> Self {
        Self {
            layout: LAYOUT,
            format,
            from: range.from,
            to: range.to,
            open: range.to.is_none() && range.last.is_empty(),
            complete: false,
            streams: BTreeMap::new(),
            tables: BTreeMap::new(),
        }
    }

    /// The number of rows.
    pub fn rows(&self) -> u64 {
        self.tables.values().map(|table| table.rows).sum()
    }

    /// Reads the manifest of a folder; `None` if there is none.
    ///
    /// # Errors
    /// When it can't be read, or has another layout.
    pub fn read(folder: &Path) -> Result<Option<Self>, ArchiveError> {
        let path = folder.join(NAME);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ArchiveError::file(&path, error)),
        };
        let manifest: Self =
            serde_json::from_slice(&text).map_err(|error| ArchiveError::content(&path, error))?;
        if manifest.layout != LAYOUT {
            let why = format!("layout {} is not known here", manifest.layout);
            return Err(ArchiveError::content(&path, why));
        }
        Ok(Some(manifest))
    }

    /// Replaces the manifest of a folder, atomically.
    pub(crate) fn write(&self, folder: &Path, unfinished: &Path) -> Result<(), ArchiveError> {
        let path = folder.join(NAME);
        let written = || {
            let mut file = AtomicFile::create_in(unfinished)?;
            serde_json::to_writer_pretty(&mut file, self)?;
            file.write_all(b"\n")?;
            file.keep(&path)
        };
        let written = written().map_err(|error| ArchiveError::file(&path, error));
        written.map(|_| ())
    }

    /// Adds a file that has its final name.
    pub(crate) fn add(&mut self, table: &TableSpec, part: Segment) {
        let entry = self.tables.entry(table.name.to_owned());
        let entry = entry.or_insert_with(|| TablePart {
            columns: if self.format == Format::Ndjson {
                Vec::new()
            } else {
                columns_of(table)
            },
            ..TablePart::default()
        });
        // Removes the file of a table without rows: CSV has no types, so a reader that guesses them
        // from it would take money for text in the files that follow.
        entry.parts.retain(|part| part.rows > 0);
        entry.rows += part.rows;
        entry.parts.push(part);
    }

    /// A table with different columns in this release: files of both kinds in one folder would be
    /// read as if the new columns didn't exist, or not at all.
    pub(crate) fn of_other_columns(&self) -> Option<&str> {
        if self.format == Format::Ndjson {
            return None;
        }
        let differs = |(name, part): &(&String, &TablePart)| {
            let spec = TABLES.iter().find(|spec| spec.name == *name);
            spec.is_none_or(|spec| part.columns != columns_of(spec))
        };
        self.tables
            .iter()
            .find(differs)
            .map(|(name, _)| name.as_str())
    }

    /// Compares every file with its checksum.
    ///
    /// # Errors
    /// The first file that is missing or differs.
    pub fn check(&self, folder: &Path) -> Result<(), ArchiveError> {
        for part in self.tables.values().flat_map(|table| &table.parts) {
            let path = folder.join(&part.file);
            let sum = checksum_of(&path)?;
            if sum.bytes != part.bytes || sum.sha256 != part.sha256 {
                return Err(ArchiveError::content(
                    &path,
                    "its checksum isn't that of the manifest",
                ));
            }
        }
        Ok(())
    }

    /// The stream of a table.
    pub(crate) fn stream_of(table: &str) -> StreamName {
        let spec = TABLES.iter().find(|spec| spec.name == table);
        spec.map_or(TICKETS, |spec| spec.stream)
    }
}
