//! The log into files.

use analysis::{Bound, Range, Span, events_of};
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

/// Commits that a set of files is made of. When the program is killed, so many have to be read
/// again at most.
const SEGMENT_COMMITS: u64 = 1 << 17;
/// Commits that travel together to the thread that encodes.
const CHUNK: usize = 256;
/// Chunks that wait for it.
const CHUNKS: usize = 4;

/// What is to be exported.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where to; made if need be.
    pub folder: PathBuf,
    /// As what.
    pub format: Format,
    /// Which part of the log.
    pub range: Range,
    /// To an export that is complete: add what came since.
    pub since_last: bool,
}

/// What an export came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Rows that this run added.
    pub added: u64,
    /// Whether it went on with what an earlier run had begun.
    pub resumed: bool,
    /// Everything that is there now.
    pub manifest: Manifest,
}

/// Exports the log, or goes on where an earlier run ended. Tells how many commits of how many are
/// read.
///
/// # Errors
/// See [`ArchiveError`]. What is in the folder stays good, and the next run goes on.
pub async fn export(
    log: &Log,
    request: &Request,
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
            // What the encoder says is the reason when it took no more.
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

/// Gives each table without rows a file that has its columns alone: a query that names the table
/// is then right on a young log, where a reader would otherwise report that there is no such file.
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

/// Passes commits on to the thread that encodes them, up to a sequence.
async fn send_commits(
    commits: &mut analysis::Commits,
    last: u64,
    send: mpsc::Sender<Vec<Commit>>,
    mut progress: impl FnMut(u64),
) -> Result<(), ArchiveError> {
    let mut chunk = Vec::with_capacity(CHUNK);
    while let Some(commit) = commits.next().await {
        let commit = commit?;
        let done = commit.sequence >= last;
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
    // It ended before the end that it had: nothing of this set may count.
    let stream_ended = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    Err(ArchiveError::file(Path::new("the log"), stream_ended))
}

/// What is left of a part of a stream.
async fn span_of(log: &Log, stream: StreamName, part: &StreamPart) -> Result<Span, ArchiveError> {
    let place = |sequence| Bound::Sequence {
        stream: Some(stream),
        sequence,
    };
    let range = Range::of(&[place(part.next)], &[place(part.last)], &[stream]);
    // Bounds that name their stream always make a range.
    let range = range.unwrap_or_default();
    Ok(Span::resolve(&range, log, &[stream]).await?)
}

/// A new export.
async fn new_export(log: &Log, request: &Request) -> Result<Manifest, ArchiveError> {
    let mut manifest = Manifest::new(request.format, &request.range);
    let span = Span::resolve(&request.range, log, &event_streams::ALL).await?;
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

/// An export that is there: the rest of it, or what came since.
async fn resume_export(
    log: &Log,
    request: &Request,
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

/// Files that are made of the same part of a stream.
struct SegmentSet {
    range: Range,
    place: Place,
    open: BTreeMap<usize, SegmentWriter>,
}

/// Where files are made, and of which part of their stream.
struct Place {
    folder: PathBuf,
    unfinished: PathBuf,
    format: Format,
    sequences: (u64, u64),
}

impl Place {
    /// A file of a table, under another name than its own.
    fn create(&self, table: &'static TableSpec) -> Result<SegmentWriter, ArchiveError> {
        SegmentWriter::create(&self.unfinished, self.format, table)
    }

    /// Gives a file that is complete its name.
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
    /// Writes commits until no more come and the last has come; else nothing.
    fn encode(
        mut self,
        mut commits: mpsc::Receiver<Vec<Commit>>,
    ) -> Result<Vec<(usize, Segment)>, ArchiveError> {
        let mut reached = 0;
        while let Some(chunk) = commits.blocking_recv() {
            for commit in chunk {
                reached = commit.sequence;
                if self.range.contains_time(commit.metadata.time) {
                    self.add(&commit)?;
                }
            }
        }
        if reached < self.place.sequences.1 {
            // The sender has the reason. The files go with their writers.
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
