//! Finds the newest events of several streams.

use analysis::ResolvedRange;
use chrono::{DateTime, Utc};
use eventstore::{Log, StreamName};
use std::collections::{BTreeMap, VecDeque};

use super::{columns::Writer, filter::Filter, row::Row};
use crate::commands::CliError;

/// Number of messages of each stream that are read first; eight times as many before those, each
/// time this is not enough.
const FIRST_LOOK: u64 = 256;
/// Limit for rows that are kept in memory, some 1.5 KB each. Beyond it only their places are kept,
/// and they are read once more.
const KEPT: usize = 10_000;

/// Writes the newest selected events, oldest first.
pub(super) async fn write_newest(
    filter: &Filter,
    log: &Log,
    span: &ResolvedRange,
    count: usize,
    writer: &mut Writer,
) -> Result<(), CliError> {
    if count <= KEPT {
        for (_, row) in newest(filter, log, span, count, |_, row| row).await? {
            writer.write(row)?;
        }
        return Ok(());
    }
    let places = newest(filter, log, span, count, |nth, row| (row.place(), nth)).await?;
    // The newest events of each stream form its end, so the first of them defines all.
    let mut firsts = BTreeMap::new();
    for (stream, place) in places {
        firsts.entry(stream).or_insert(place);
    }
    let begins = span.streams().map(|stream| {
        let first = firsts.get(&stream).map(|((sequence, _), _)| *sequence);
        (stream, first.unwrap_or(span.end(stream) + 1))
    });
    let span = span.clone().starting_at(&begins.collect());
    let mut reading = filter.open(log, span).await?;
    while let Some(next) = reading.next().await? {
        for (nth, row) in filter.rows_of(log, next).await?.into_iter().enumerate() {
            let first = firsts.get(&row.stream());
            if first.is_some_and(|first| (row.place(), nth) >= *first) {
                writer.write(row)?;
            }
        }
    }
    Ok(())
}

/// Returns the results of `keep` for the newest selected events, oldest first. `keep` receives each
/// event with its number in its commit.
///
/// The streams are read from their ends, a part at a time, and each part once: an event is
/// certainly among the newest only if it is later than all unread ones.
async fn newest<T>(
    filter: &Filter,
    log: &Log,
    span: &ResolvedRange,
    count: usize,
    keep: impl Fn(usize, Row) -> T,
) -> Result<Vec<(StreamName, T)>, CliError> {
    let mut found = Newest {
        rows: BTreeMap::new(),
        count,
    };
    let (mut looked, mut look) = (0, FIRST_LOOK);
    if filter.finds_at_once() {
        look = span.len();
    }
    loop {
        let part = span.before_newest(looked).newest(look);
        let mut begins: BTreeMap<StreamName, DateTime<Utc>> = BTreeMap::new();
        let mut kept: BTreeMap<StreamName, Kept<T>> = BTreeMap::new();
        let mut reading = filter.open(log, part).await?;
        while let Some(next) = reading.next().await? {
            let stream = match &next {
                Ok(commit) => {
                    begins.entry(commit.stream).or_insert(commit.metadata.time);
                    commit.stream
                }
                Err(finding) => finding.stream,
            };
            let of_stream = kept.entry(stream).or_default();
            for (nth, row) in filter.rows_of(log, next).await?.into_iter().enumerate() {
                of_stream.push_back((row.time(), keep(nth, row)));
                if of_stream.len() > count {
                    of_stream.pop_front();
                }
            }
        }
        found.add_earlier(kept);
        looked += look;
        let left = span.before_newest(looked);
        let cut = span
            .streams()
            .filter(|stream| left.sequences(*stream).is_some())
            // If no event of the range was found, earlier ones may have any time.
            .map(|stream| begins.get(&stream).copied())
            .map(|begin| begin.unwrap_or(DateTime::<Utc>::MAX_UTC));
        match cut.max() {
            Some(begin) if !found.is_certain(begin) => look = look.saturating_mul(8),
            _ => return Ok(found.merged()),
        }
    }
}

/// The results of a stream, each with its time.
type Kept<T> = VecDeque<(DateTime<Utc>, T)>;

/// The newest results of each stream, as far as the search has come.
struct Newest<T> {
    rows: BTreeMap<StreamName, Kept<T>>,
    count: usize,
}

impl<T> Newest<T> {
    /// Adds earlier results before the existing ones.
    fn add_earlier(&mut self, rows: BTreeMap<StreamName, Kept<T>>) {
        for (stream, mut earlier) in rows {
            let later = self.rows.remove(&stream).unwrap_or_default();
            earlier.extend(later);
            while earlier.len() > self.count {
                earlier.pop_front();
            }
            self.rows.insert(stream, earlier);
        }
    }

    /// Whether no unread event can be among the newest: all of those are from this moment or later.
    fn is_certain(&self, moment: DateTime<Utc>) -> bool {
        let rows = self.rows.values().flatten();
        rows.filter(|(time, _)| *time >= moment).count() >= self.count
    }

    /// The newest results of all streams, oldest first.
    fn merged(self) -> Vec<(StreamName, T)> {
        let mut all = Vec::new();
        for (stream, rows) in self.rows {
            // A clock that went back doesn't move an event before its predecessor.
            let mut latest = DateTime::<Utc>::MIN_UTC;
            for (time, kept) in rows {
                latest = latest.max(time);
                all.push((latest, stream, kept));
            }
        }
        all.sort_by_key(|(time, stream, _)| (*time, *stream));
        let unwanted = all.len().saturating_sub(self.count);
        let newest = all.into_iter().skip(unwanted);
        newest.map(|(_, stream, kept)| (stream, kept)).collect()
    }
}
