//! Exports the log to files.

use analysis::{Bound, Range, ResolvedRange, events_of};
use eventstore::{Commit, Log, StreamName};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs,
    path::{Path, PathBuf},
};
use tokio::sync::mpsc;

use crate::{
    ArchiveError, Format, Manifest, Segment, StreamPart, TABLES, TableSpec,
    folder::Folder,
    segment::SegmentWriter,
    tables::{Row, table_index},
};

/// Number of commits in a set of files. After a crash, at most this many must be read again.
const SEGMENT_COMMITS: u64 = 1 << 17;
/// Number of commits that are sent to the encoding thread together.
const CHUNK: usize = 256;
/// Number of waiting chunks.
const CHUNKS: usize = 4;

/// What to export.
#[derive(Clone, Debug)]
pub struct ExportRequest {
    /// The destination; created if necessary.
    pub folder: PathBuf,
    /// The format of the files.
    pub format: Format,
    /// The part of the log.
    pub range: Range,
    /// Whether to add later commits to a complete export.
    pub since_last: bool,
}

/// The result of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Rows that this run added.
    pub added: u64,
    /// Whether it continued an earlier run.
    pub resumed: bool,
    /// Everything in the folder now.
    pub manifest: Manifest,
}

/// Exports the log, or continues where an earlier run ended. Reports the number of commits read and
/// their total.
///
/// # Errors
/// See [`ArchiveError`]. The contents of the folder stay valid, and the next run continues.
pub async fn export(
    log: &Log,
    request: &ExportRequest,
    mut progress: impl FnMut(u64, u64),
) -> Result<Exported, ArchiveError> {
    let folder = Folder::open(&request.folder)?;
    let found = Manifest::read(folder.path())?;
    let resumed = found.as_ref().is_some_and(|found| !found.complete);
    let mut manifest = match found {
        Some(found) => resume_export(log, request, found).await?,
        None => new_export(log, request).await?,
    };
    folder.remove_orphans(&manifest)?;
    manifest.write(folder.path(), &folder.unfinished())?;
    let before = manifest.rows();
    let todo = |manifest: &Manifest| -> u64 {
        let parts = manifest.streams.values();
        parts
            .map(|part| (part.last + 1).saturating_sub(part.next))
            .sum()
    };
    let total = todo(&manifest);
    for stream in event_streams::ALL {
        let Some(part) = manifest.streams.get(stream.as_str()).cloned() else {
            continue;
        };
        if part.next > part.last {
            continue;
        }
        let mut done = total - todo(&manifest);
        let span = span_of(log, stream, &part).await?;
        let mut commits = span.read(log);
        let mut next = part.next;
        while next <= part.last {
            let last = part.last.min(next + SEGMENT_COMMITS - 1);
            let set = SegmentSet {
                range: Range {
                    from: manifest.from,
                    to: manifest.to,
                    ..Range::all()
                },
                place: Place {
                    folder: folder.path().to_owned(),
                    unfinished: folder.unfinished(),
                    format: manifest.format,
                    sequences: (next, last),
                },
                open: BTreeMap::new(),
            };
            let (send, receive) = mpsc::channel(CHUNKS);
            let encoding = tokio::task::spawn_blocking(move || set.encode(receive));
            let passing = send_commits(&mut commits, last, send, |read| {
                done += read;
                progress(done, total);
            });
            let read = passing.await;
            let written = encoding.await.map_err(|error| {
                // The encoder panicked: a defect.
                ArchiveError::encoding(folder.path(), error)
            })?;
            // If the encoder stopped early, its own error is the reason.
            for (table, part) in written? {
                if read.is_ok() {
                    manifest.add(&TABLES[table], part);
                }
            }
            read?;
            if let Some(part) = manifest.streams.get_mut(stream.as_str()) {
                part.next = last + 1;
            }
            manifest.write(folder.path(), &folder.unfinished())?;
            next = last + 1;
        }
    }
    add_empty_tables(&folder, &mut manifest)?;
    manifest.complete = true;
    manifest.write(folder.path(), &folder.unfinished())?;
    folder.remove_orphans(&manifest)?;
    folder.close()?;
    Ok(Exported {
        added: manifest.rows() - before,
        resumed,
        manifest,
    })
}

/// Adds a file with only the columns for each table without rows: a query that names the table then
/// works on a young log, where a reader would otherwise report a missing file.
fn add_empty_tables(folder: &Folder, manifest: &mut Manifest) -> Result<(), ArchiveError> {
    for table in TABLES {
        let Some(stream) = manifest.streams.get(table.stream.as_str()) else {
            continue;
        };
        if manifest.tables.contains_key(table.name) {
            continue;
        }
        let place = Place {
            folder: folder.path().to_owned(),
            unfinished: folder.unfinished(),
            format: manifest.format,
            sequences: (stream.first, stream.last),
        };
        let part = place.finish(table, place.create(table)?)?;
        manifest.add(table, part);
    }
    Ok(())
}

/// Sends commits to the encoding thread, up to a sequence.
async fn send_commits(
    commits: &mut analysis::Commits,
    last: u64,
    send: mpsc::Sender<Vec<Commit>>,
    mut progress: impl FnMut(u64),
) -> Result<(), ArchiveError> {
    let mut chunk = Vec::with_capacity(CHUNK);
    while let Some(commit) = commits.next().await {
        let commit = commit?;
        let done = commit.sequence >= last && commit.is_last;
        chunk.push(commit);
        if done || chunk.len() == CHUNK {
            let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK));
            let count = full.len() as u64;
            if send.send(full).await.is_err() || done {
                return Ok(());
            }
            progress(count);
        }
    }
    // It ended before its known end: nothing of this set may count.
    let stream_ended = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    Err(ArchiveError::file(Path::new("the log"), stream_ended))
}

/// The rest of a part of a stream.
async fn span_of(
    log: &Log,
    stream: StreamName,
    part: &StreamPart,
) -> Result<ResolvedRange, ArchiveError> {
    let place = |sequence| Bound::Sequence {
        stream: Some(stream),
        sequence,
    };
    let range = Range::of(&[place(part.next)], &[place(part.last)], &[stream]);
    // Bounds that name their stream always make a range.
    let range = range.unwrap_or_default();
    Ok(ResolvedRange::resolve(&range, log, &[stream]).await?)
}

/// Starts a new export.
async fn new_export(log: &Log, request: &ExportRequest) -> Result<Manifest, ArchiveError> {
    let mut manifest = Manifest::new(request.format, &request.range);
    let span = ResolvedRange::resolve(&request.range, log, &event_streams::ALL).await?;
    for stream in event_streams::ALL {
        let (first, last) = span
            .sequences(stream)
            .unwrap_or((span.end(stream) + 1, span.end(stream)));
        let part = StreamPart {
            created: log.streams().created(stream).await?,
            first,
            last,
            next: first,
        };
        manifest.streams.insert(stream.to_string(), part);
    }
    Ok(manifest)
}

/// Continues an existing export: the rest of it, or later commits.
async fn resume_export(
    log: &Log,
    request: &ExportRequest,
    mut found: Manifest,
) -> Result<Manifest, ArchiveError> {
    let other = |why: String| ArchiveError::OtherExport {
        folder: request.folder.clone(),
        why,
    };
    if found.format != request.format {
        return Err(other(format!("holds an export as {}", found.format)));
    }
    if found.complete && !request.since_last {
        return Err(other(
            "holds a complete export; --since-last adds what came since".to_owned(),
        ));
    }
    if let Some(table) = found.of_other_columns() {
        return Err(other(format!(
            "was made by a release whose table {table} has other columns; export into another \
             folder, which takes everything with the columns of this one"
        )));
    }
    if request.since_last && !found.open {
        return Err(other(
            "was made up to an end that --to named, so nothing that came since belongs to it"
                .to_owned(),
        ));
    }
    if !request.since_last {
        let same_places = request.range.first.iter().all(|(stream, first)| {
            found
                .streams
                .get(stream.as_str())
                .is_some_and(|part| part.first == *first)
        }) && request.range.last.iter().all(|(stream, last)| {
            found
                .streams
                .get(stream.as_str())
                .is_some_and(|part| part.last == *last)
        });
        if (found.from, found.to) != (request.range.from, request.range.to) || !same_places {
            return Err(other("holds the beginning of another range".to_owned()));
        }
    }
    for stream in event_streams::ALL {
        let created = log.streams().created(stream).await?;
        let end = log.reader().last_sequence(stream).await?;
        let Some(part) = found.streams.get_mut(stream.as_str()) else {
            return Err(other(format!("lacks the stream {stream}")));
        };
        if part.created != created || part.last > end {
            return Err(other(format!("holds an export of another log ({stream})")));
        }
        if request.since_last {
            part.last = end;
        }
    }
    found.complete = false;
    Ok(found)
}

/// Files of the same part of a stream.
struct SegmentSet {
    range: Range,
    place: Place,
    open: BTreeMap<usize, SegmentWriter>,
}

/// The folder of the files, and their part of the stream.
struct Place {
    folder: PathBuf,
    unfinished: PathBuf,
    format: Format,
    sequences: (u64, u64),
}

impl Place {
    /// Creates a table's file, under a temporary name.
    fn create(&self, table: &'static TableSpec) -> Result<SegmentWriter, ArchiveError> {
        SegmentWriter::create(&self.unfinished, self.format, table)
    }

    /// Gives a complete file its final name.
    fn finish(&self, table: &TableSpec, writer: SegmentWriter) -> Result<Segment, ArchiveError> {
        let file = Folder::name(table, self.sequences, self.format);
        let path = self.folder.join(&file);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| ArchiveError::file(folder, error))?;
        }
        let (rows, times) = (writer.rows, writer.times);
        let sum = writer.finish(&path)?;
        Ok(Segment {
            file,
            rows,
            sequences: self.sequences,
            times,
            bytes: sum.bytes,
            sha256: sum.sha256,
        })
    }
}

impl SegmentSet {
    /// Writes commits until the channel ends with the last commit; otherwise returns nothing.
    fn encode(
        mut self,
        mut commits: mpsc::Receiver<Vec<Commit>>,
    ) -> Result<Vec<(usize, Segment)>, ArchiveError> {
        let mut reached = 0;
        while let Some(chunk) = commits.blocking_recv() {
            for commit in chunk {
                if commit.is_last {
                    reached = commit.sequence;
                }
                if self.range.contains_time(commit.metadata.time) {
                    self.add(&commit)?;
                }
            }
        }
        if reached < self.place.sequences.1 {
            // The sender has the error. The writers remove their files.
            return Ok(Vec::new());
        }
        self.finish()
    }

    fn add(&mut self, commit: &Commit) -> Result<(), ArchiveError> {
        for (version, event) in events_of(commit)? {
            let index = table_index(&event);
            let writer = match self.open.entry(index) {
                Entry::Occupied(open) => open.into_mut(),
                Entry::Vacant(entry) => entry.insert(self.place.create(&TABLES[index])?),
            };
            writer.add(&Row {
                commit,
                version,
                event: &event,
            })?;
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<(usize, Segment)>, ArchiveError> {
        let parts = self.open.into_iter().map(|(number, writer)| {
            let part = self.place.finish(&TABLES[number], writer)?;
            Ok((number, part))
        });
        parts.collect()
    }
}
