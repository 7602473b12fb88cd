//! Reads lines of NDJSON: of one file as they are, or of a folder's tables in each stream's order.

use analysis::stream_named;
use eventstore::StreamName;
use std::{
    collections::VecDeque,
    fs::File,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    ArchiveError, Format, Manifest,
    ndjson::line::{Line, bad_line},
};

/// A line, and its place.
#[derive(Debug)]
pub(crate) struct LocatedLine {
    pub file: Arc<Path>,
    /// Counted from 1.
    pub number: u64,
    line: String,
    pub stream: StreamName,
    pub sequence: u64,
    pub commit_index: u32,
    version: u64,
}

impl LocatedLine {
    fn new(file: &Arc<Path>, number: u64, text: String) -> Result<Self, ArchiveError> {
        let line: Line<'_> =
            serde_json::from_str(&text).map_err(|error| bad_line(file, number, error))?;
        let stream = stream_named(&line.stream).ok_or_else(|| {
            bad_line(
                file,
                number,
                format!("{} is no stream of the log", line.stream),
            )
        })?;
        let (sequence, version) = (line.sequence, line.version);
        let commit_index = line.commit_index;
        drop(line);
        Ok(Self {
            file: file.clone(),
            number,
            line: text,
            stream,
            sequence,
            commit_index,
            version,
        })
    }

    /// Parses the line.
    pub fn line(&self) -> Result<Line<'_>, ArchiveError> {
        serde_json::from_str(&self.line).map_err(|error| bad_line(&self.file, self.number, error))
    }
}

/// The source of lines.
#[derive(Debug)]
pub(crate) struct LineReader {
    /// Groups that follow one another; the files of a group are merged.
    groups: VecDeque<Vec<FileChain>>,
}

impl LineReader {
    /// Opens a file, or the folder of an export, whose files must match the manifest.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        if !path.is_dir() {
            let only = FileChain::new(VecDeque::from([path.to_owned()]));
            return Ok(Self {
                groups: VecDeque::from([vec![only]]),
            });
        }
        let Some(manifest) = Manifest::read(path)? else {
            return Err(ArchiveError::content(path, "there is no manifest.json"));
        };
        let says_no = if manifest.format != Format::Ndjson {
            Some(format!(
                "is an export as {}; only ndjson can be imported",
                manifest.format
            ))
        } else if !manifest.complete {
            Some("is an export that isn't complete".to_owned())
        } else {
            None
        };
        if let Some(why) = says_no {
            return Err(ArchiveError::content(path, why));
        }
        manifest.check(path)?;
        // Stream by stream: within one, lines of several tables are merged in order.
        let groups = event_streams::ALL.into_iter().map(|stream| {
            let tables = manifest.tables.iter();
            let of_stream = tables.filter(|(name, _)| Manifest::stream_of(name) == stream);
            let chains = of_stream.map(|(_, table)| {
                FileChain::new(
                    table
                        .parts
                        .iter()
                        .map(|part| path.join(&part.file))
                        .collect(),
                )
            });
            chains.collect()
        });
        Ok(Self {
            groups: groups.collect(),
        })
    }

    /// The next line; in a group, the one that is first in the log.
    pub fn next(&mut self) -> Result<Option<LocatedLine>, ArchiveError> {
        loop {
            let Some(group) = self.groups.front_mut() else {
                return Ok(None);
            };
            let mut first: Option<(usize, (u64, u64))> = None;
            for (i, chain) in group.iter_mut().enumerate() {
                if let Some(text) = chain.head()? {
                    let place = (text.sequence, text.version);
                    if first.is_none_or(|(_, other)| place < other) {
                        first = Some((i, place));
                    }
                }
            }
            match first {
                Some((i, _)) => return Ok(group[i].head.take()),
                None => self.groups.pop_front(),
            };
        }
    }
}

/// Files that are read one after another.
#[derive(Debug)]
struct FileChain {
    files: VecDeque<PathBuf>,
    open: Option<(Arc<Path>, BufReader<File>, u64)>,
    head: Option<LocatedLine>,
}

impl FileChain {
    fn new(files: VecDeque<PathBuf>) -> Self {
        Self {
            files,
            open: None,
            head: None,
        }
    }

    /// The next line, without taking it.
    fn head(&mut self) -> Result<Option<&LocatedLine>, ArchiveError> {
        while self.head.is_none() {
            let Some((file, reader, number)) = &mut self.open else {
                let Some(path) = self.files.pop_front() else {
                    return Ok(None);
                };
                let file = File::open(&path).map_err(|error| ArchiveError::file(&path, error))?;
                self.open = Some((path.into(), BufReader::with_capacity(1 << 16, file), 0));
                continue;
            };
            let mut text = String::new();
            let read = reader.read_line(&mut text);
            if read.map_err(|error| ArchiveError::file(file, error))? == 0 {
                self.open = None;
                continue;
            }
            *number += 1;
            if !text.trim().is_empty() {
                self.head = Some(LocatedLine::new(file, *number, text)?);
            }
        }
        Ok(self.head.as_ref())
    }
}
