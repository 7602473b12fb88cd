//! Imports files into an empty log.

use domain::streams;
use domain::{
    AnyEvent, payment::PaymentEvent, ticket::TicketEvent, ticket_orders::TicketOrdersEvent,
    user::UserEvent,
};
use eventstore::{HistoricalCommit, Import, Log, Metadata, StoreError, StoredEvent, StreamName};
use std::{collections::BTreeMap, path::Path};

use crate::{
    ArchiveError,
    error::Source,
    ndjson::line::{bad_line, without_password},
    ndjson::reader::{LineReader, LocatedLine},
};

/// Interval of progress reports, in commits.
const PROGRESS_EVERY: u64 = 4_096;

/// The result of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Commits that were written.
    pub commits: u64,
    /// Commits that already existed, from an interrupted import.
    pub found: u64,
}

/// Fills an empty log from an NDJSON file, or from the folder of an NDJSON export. Every commit
/// gets its original sequence, so the read models of the two logs are the same.
///
/// Everything is read and checked before anything is written. With `resume`, a log that contains
/// the beginning of the same import is completed.
///
/// No service may run on the log during the import: if one of its workers appends, the import
/// fails.
///
/// # Errors
/// See [`ArchiveError`].
pub async fn import(
    log: &Log,
    path: &Path,
    resume: bool,
    mut progress: impl FnMut(u64, u64),
) -> Result<Imported, ArchiveError> {
    let mut ends = BTreeMap::new();
    for stream in event_streams::ALL {
        let last = log.reader().last_sequence(stream).await?;
        if last > 0 && !resume {
            return Err(ArchiveError::NotEmpty { stream, last });
        }
        ends.insert(stream, last);
    }
    let total = check(path)?;
    let mut imports: BTreeMap<StreamName, Import> = BTreeMap::new();
    for (stream, last) in &ends {
        imports.insert(*stream, log.importer().begin(*stream, *last));
    }
    let mut imported = Imported::default();
    let mut messages = Messages::open(path)?;
    let mut highest: BTreeMap<StreamName, u64> = BTreeMap::new();
    let mut told = 0;
    while let Some(message) = messages.next()? {
        let Message {
            stream,
            sequence,
            ref commits,
        } = message;
        let end = ends.get(&stream).copied().unwrap_or_default();
        highest.insert(stream, sequence);
        let count = commits.len() as u64;
        if sequence <= end {
            imported.found += count;
        }
        if sequence == end {
            // IDs of commits are unique, and an import is dense: the same commits have the same
            // predecessors.
            let there = log.reader().commits_at(stream, sequence).await?;
            let there = there.iter().map(|commit| commit.commit_id);
            if !there.eq(commits.iter().map(|commit| commit.commit_id)) {
                return Err(ArchiveError::OtherLog { stream, sequence });
            }
        }
        if sequence <= end {
            continue;
        }
        if let Some(import) = imports.get_mut(&stream) {
            import.append(commits).await?;
        }
        imported.commits += count;
        if imported.commits >= told + PROGRESS_EVERY {
            told = imported.commits;
            progress(imported.found + imported.commits, total);
        }
    }
    for import in imports.into_values() {
        import.finish().await?;
    }
    for (stream, end) in ends {
        if highest.get(&stream).copied().unwrap_or_default() < end {
            return Err(ArchiveError::OtherLog {
                stream,
                sequence: end,
            });
        }
    }
    progress(total, total);
    Ok(imported)
}

/// Reads everything and returns the number of commits.
fn check(path: &Path) -> Result<u64, ArchiveError> {
    let mut messages = Messages::open(path)?;
    let mut count = 0;
    while let Some(message) = messages.next()? {
        count += message.commits.len() as u64;
    }
    Ok(count)
}

/// The commits of a message, and its original sequence.
struct Message {
    stream: StreamName,
    sequence: u64,
    commits: Vec<HistoricalCommit>,
}

/// The messages of a source, dense in each stream.
struct Messages {
    source: LineReader,
    /// A line that was read and belongs to the next message.
    ahead: Option<LocatedLine>,
    last: BTreeMap<StreamName, u64>,
}

impl Messages {
    fn open(path: &Path) -> Result<Self, ArchiveError> {
        Ok(Self {
            source: LineReader::open(path)?,
            ahead: None,
            last: BTreeMap::new(),
        })
    }

    /// The next message.
    fn next(&mut self) -> Result<Option<Message>, ArchiveError> {
        let Some(first) = self.take()? else {
            return Ok(None);
        };
        let (stream, sequence) = (first.stream, first.sequence);
        let mut texts = vec![first];
        while let Some(text) = self.take()? {
            if (text.stream, text.sequence) != (stream, sequence) {
                self.ahead = Some(text);
                break;
            }
            texts.push(text);
        }
        let (file, number) = (texts[0].file.clone(), texts[0].number);
        let before = self.last.insert(stream, sequence).unwrap_or_default();
        if sequence != before + 1 {
            let why = format!(
                "{stream}#{sequence} comes after #{before}; only a whole log can be imported"
            );
            return Err(bad_line(&file, number, why));
        }
        let mut commits: Vec<HistoricalCommit> = Vec::new();
        let (mut version, mut expected) = (None, 0);
        for texts in texts.chunk_by(|a, b| a.commit_index == b.commit_index) {
            let (text, commit) = (&texts[0], commit_of(stream, texts)?);
            let follows = commits.first().is_none_or(|first| {
                (&first.aggregate_type, &first.aggregate_id)
                    == (&commit.aggregate_type, &commit.aggregate_id)
                    && version == Some(commit.version)
            });
            if text.commit_index != expected || !follows {
                let why = "it isn't of the commit that follows in the message of the line before";
                return Err(bad_line(&text.file, text.number, why));
            }
            version = Some(commit.version + texts.len() as u64);
            expected += 1;
            commits.push(commit);
        }
        Ok(Some(Message {
            stream,
            sequence,
            commits,
        }))
    }

    fn take(&mut self) -> Result<Option<LocatedLine>, ArchiveError> {
        match self.ahead.take() {
            Some(text) => Ok(Some(text)),
            None => self.source.next(),
        }
    }
}

/// The commit of these lines.
fn commit_of(stream: StreamName, texts: &[LocatedLine]) -> Result<HistoricalCommit, ArchiveError> {
    let mut data = Vec::with_capacity(texts.len());
    let mut lines = Vec::with_capacity(texts.len());
    for text in texts {
        let line = text.line()?;
        let bad = |error: serde_json::Error| bad_line(&text.file, text.number, error);
        let replaced = match (stream.as_str(), line.data) {
            (streams::USERS, Some(data)) => without_password(data).map_err(bad)?,
            _ => None,
        };
        data.push(replaced);
        lines.push(line);
    }
    let (text, first) = (&texts[0], &lines[0]);
    for (i, (text, line)) in texts.iter().zip(&lines).enumerate() {
        if line.commit_id != first.commit_id || line.version != first.version + i as u64 {
            let why = "it isn't the next event of the commit that the line before is of";
            return Err(bad_line(&text.file, text.number, why));
        }
    }
    let mut events = Vec::with_capacity(lines.len());
    for (line, replaced) in lines.iter().zip(&data) {
        events.push(StoredEvent {
            version: line.schema_version.clone(),
            event_type: line.event_type.clone(),
            data: replaced.as_deref().or(line.data),
        });
    }
    known(stream, &events).map_err(|why| bad_line(&text.file, text.number, why))?;
    let metadata = Metadata {
        command_id: first.command_id,
        correlation_id: first.correlation_id.clone().into_owned(),
        causation_id: first.causation_id,
        actor: first.actor.clone().into_owned(),
        time: first.time,
        trace_parent: first.trace_parent.as_deref().map(ToOwned::to_owned),
    };
    let place = (
        stream,
        &*first.aggregate_type,
        first.aggregate_id.clone().into_owned(),
    );
    HistoricalCommit::of_stored(place, first.version, first.commit_id, metadata, &events)
        .map_err(|error: StoreError| error.into())
}

/// Refuses an event that couldn't be read once it is in the log.
fn known(stream: StreamName, events: &[StoredEvent<'_>]) -> Result<(), Source> {
    for event in events {
        let text = serde_json::to_string(event)?;
        let event = match stream.as_str() {
            streams::USERS => serde_json::from_str::<UserEvent>(&text).map(AnyEvent::User),
            streams::TICKETS => serde_json::from_str::<TicketEvent>(&text).map(AnyEvent::Ticket),
            streams::ORDERS => {
                serde_json::from_str::<TicketOrdersEvent>(&text).map(AnyEvent::Orders)
            }
            streams::PAYMENTS => serde_json::from_str::<PaymentEvent>(&text).map(AnyEvent::Payment),
            _ => return Err(format!("{stream} is no stream of the log").into()),
        };
        event?;
    }
    Ok(())
}
