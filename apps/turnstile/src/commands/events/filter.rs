//! Selects events.

use analysis::{Commits, EventRow, ResolvedRange, Resuming, commits_of, stream_named};
use archive::TABLES;
use chrono::{DateTime, Utc};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser as _, ValueParser};
use eventstore::{Commit, Log, StreamName};
use std::collections::BTreeSet;

use super::row::{Found, Row, as_found, look_at};
use crate::commands::{CliError, progress::ProgressDisplay, range::RangeArgs};

/// Selects the events that match all options.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Filters")]
pub(super) struct Filter {
    /// Only this stream; may be repeated
    #[arg(long, value_name = "STREAM", value_parser = streams(), ignore_case = true)]
    stream: Vec<StreamName>,
    /// Only events of this aggregate. A ticket and all of its orders have the same ID
    #[arg(long, value_name = "ID")]
    aggregate: Option<String>,
    /// Only events of this type, such as `OrderPlaced`; may be repeated
    #[arg(
        long = "type",
        value_name = "TYPE",
        value_parser = PossibleValuesParser::new(types()),
        ignore_case = true,
        hide_possible_values = true
    )]
    event_type: Vec<String>,
    /// Only events of this type of another release, which this one doesn't know
    #[arg(long, value_name = "TYPE")]
    unknown_type: Vec<String>,
    /// Only events that this user (by ID) or worker caused
    #[arg(long, value_name = "ID")]
    actor: Option<String>,
    /// Only events that the request with this ID led to
    #[arg(long, value_name = "ID")]
    correlation: Option<String>,
    /// Continue behind unreadable messages; each has a row of its own (unreadable), whatever the
    /// filter
    #[arg(long)]
    pub skip_unreadable: bool,
    #[command(flatten)]
    pub range: RangeArgs,
}

fn streams() -> ValueParser {
    let names = PossibleValuesParser::new(event_streams::ALL.map(StreamName::as_str));
    ValueParser::from(names.try_map(|name| stream_named(&name).ok_or("there is no such stream")))
}

fn types() -> impl Iterator<Item = PossibleValue> {
    TABLES
        .iter()
        .map(|table| PossibleValue::new(table.event_type))
}

impl Filter {
    /// The streams to read: the selected ones, without those that have no event of a selected type.
    pub(super) fn streams(&self) -> Vec<StreamName> {
        let named: BTreeSet<_> = self.stream.iter().copied().collect();
        let may_hold = |stream: &StreamName| {
            let types = &self.event_type;
            types.is_empty()
                || !self.unknown_type.is_empty()
                || TABLES
                    .iter()
                    .any(|table| table.stream == *stream && is_one_of(types, table.event_type))
        };
        let all = event_streams::ALL.into_iter();
        all.filter(|stream| named.is_empty() || named.contains(stream))
            .filter(may_hold)
            .collect()
    }

    /// The selected part of the current log.
    pub(super) async fn span(&self, log: &Log) -> Result<ResolvedRange, CliError> {
        let streams = self.streams();
        Ok(ResolvedRange::resolve(&self.range.range(&streams)?, log, &streams).await?)
    }

    /// The rows of a commit or a finding.
    pub(super) async fn rows_of(&self, log: &Log, found: Found) -> Result<Vec<Row>, CliError> {
        let finding = match found {
            Ok(commit) if !self.wants(&commit) => return Ok(Vec::new()),
            Ok(commit) => match EventRow::of(&commit) {
                Ok(mut events) => {
                    if !self.event_type.is_empty() || !self.unknown_type.is_empty() {
                        events.retain(|event| {
                            is_one_of(&self.event_type, &event.event_type)
                                || self.unknown_type.contains(&event.event_type)
                        });
                    }
                    return Ok(events
                        .into_iter()
                        .map(|e| Row::Event(Box::new(e)))
                        .collect());
                }
                Err(error) if self.skip_unreadable => as_found(error)?,
                Err(error) => return Err(error.into()),
            },
            Err(finding) => finding,
        };
        let unreadable = look_at(log, finding).await?;
        let of_another = |id: &String| unreadable.aggregate_id.as_ref() != Some(id);
        if self.aggregate.as_ref().is_some_and(of_another) {
            return Ok(Vec::new());
        }
        Ok(vec![Row::Unreadable(unreadable)])
    }

    /// Whether the server itself finds the selected commits.
    pub(super) fn finds_at_once(&self) -> bool {
        self.aggregate.is_some() && !self.skip_unreadable
    }

    /// Whether a commit is selected, as far as its headers show.
    fn wants(&self, commit: &Commit) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        is(&self.aggregate, &commit.aggregate_id)
            && is(&self.actor, &commit.metadata.actor)
            && is(&self.correlation, &commit.metadata.correlation_id)
    }

    /// Begins to read.
    pub(super) async fn open<'l>(
        &self,
        log: &'l Log,
        span: ResolvedRange,
    ) -> Result<Reading<'l>, CliError> {
        let found = match &self.aggregate {
            _ if self.skip_unreadable => Source::On(Resuming::new(log, span.clone())),
            // The server finds an aggregate's commits itself; the rest needn't be read.
            Some(id) => {
                let mut commits = Vec::new();
                for stream in span.streams() {
                    // Within a stream its own order counts, whatever the clocks show.
                    let mut latest = DateTime::<Utc>::MIN_UTC;
                    for commit in commits_of(log, stream, id).await? {
                        latest = latest.max(commit.metadata.time);
                        commits.push((latest, commit));
                    }
                }
                commits.sort_by_key(|(time, commit)| {
                    (*time, commit.stream, commit.sequence, commit.index)
                });
                let commits: Vec<_> = commits.into_iter().map(|(_, commit)| commit).collect();
                Source::Aggregate(commits.into_iter())
            }
            None => Source::Range(span.read(log)),
        };
        Ok(Reading {
            found,
            progress: ProgressDisplay::begin("Reading the log", "commits"),
            read: 0,
            span,
        })
    }
}

fn is_one_of(types: &[String], event_type: &str) -> bool {
    types
        .iter()
        .any(|wanted| wanted.eq_ignore_ascii_case(event_type))
}

/// Commits that are being read.
pub(super) struct Reading<'l> {
    found: Source<'l>,
    span: ResolvedRange,
    progress: ProgressDisplay,
    read: u64,
}

enum Source<'l> {
    Range(Commits),
    /// Continues behind unreadable messages.
    On(Resuming<'l>),
    Aggregate(std::vec::IntoIter<Commit>),
}

impl Reading<'_> {
    /// The next commit in the range, or a finding in its place.
    pub(super) async fn next(&mut self) -> Result<Option<Found>, CliError> {
        loop {
            let found = match &mut self.found {
                Source::Range(commits) => commits.next().await.transpose()?.map(Ok),
                Source::On(found) => found.next().await?,
                Source::Aggregate(commits) => commits.next().map(Ok),
            };
            let Some(found) = found else {
                return Ok(None);
            };
            self.read += 1;
            if self.read.is_multiple_of(1_024) {
                self.progress.at(self.read, self.span.len());
            }
            if found
                .as_ref()
                .map_or(true, |commit| self.span.contains(commit))
            {
                return Ok(Some(found));
            }
        }
    }
}
