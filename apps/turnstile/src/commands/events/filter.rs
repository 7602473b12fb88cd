//! Which events are meant.

use analysis::{Commits, EventRow, Span, commits_of, stream_named};
use archive::TABLES;
use chrono::{DateTime, Utc};
use eventstore::{EVENT_STREAMS, Log, Recorded, StreamName};
use std::collections::BTreeSet;

use crate::commands::{CommandError, progress::Progress, range::RangeArgs};

/// Which events are meant: those that meet all of what is given.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Filter {
    /// Only this stream: USERS, TICKETS, ORDERS or PAYMENTS; may be given several times
    #[arg(long, value_name = "STREAM", value_parser = stream, help_heading = "Filters")]
    stream: Vec<StreamName>,
    /// Only what happened to this aggregate. A ticket and all of its orders have the same id
    #[arg(long, value_name = "ID", help_heading = "Filters")]
    aggregate: Option<String>,
    /// Only events of this type, such as OrderPlaced; may be given several times
    #[arg(long = "type", value_name = "TYPE", help_heading = "Filters")]
    event_type: Vec<String>,
    /// Only what this user (by id) or worker asked for
    #[arg(long, value_name = "ID", help_heading = "Filters")]
    actor: Option<String>,
    /// Only what followed from the request with this id
    #[arg(long, value_name = "ID", help_heading = "Filters")]
    correlation: Option<String>,
    #[command(flatten)]
    pub range: RangeArgs,
}

fn stream(name: &str) -> Result<StreamName, String> {
    let names = EVENT_STREAMS.map(StreamName::as_str).join(", ");
    stream_named(name).ok_or_else(|| format!("there is {names}"))
}

impl Filter {
    /// The streams that are read.
    pub(super) fn streams(&self) -> Vec<StreamName> {
        if self.stream.is_empty() {
            EVENT_STREAMS.to_vec()
        } else {
            let once: BTreeSet<_> = self.stream.iter().copied().collect();
            once.into_iter().collect()
        }
    }

    /// Names types that this release doesn't know. They are looked for all the same: the log may
    /// have them from a later one.
    pub(super) fn warn_of_unknown_types(&self) {
        let is_known = |wanted: &&String| TABLES.iter().any(|table| table.event_type == **wanted);
        for unknown in self.event_type.iter().filter(|wanted| !is_known(wanted)) {
            let known: Vec<_> = TABLES.iter().map(|table| table.event_type).collect();
            let known = known.join(", ");
            eprintln!("warning: no event of this release is a {unknown}; there are {known}");
        }
    }

    /// The part of the log that is meant, as it is now.
    pub(super) async fn span(&self, log: &Log) -> Result<Span, CommandError> {
        let streams = self.streams();
        Ok(self.range.range(&streams)?.resolve(log, &streams).await?)
    }

    /// The events of a commit that are meant.
    pub(super) fn events_of(&self, commit: &Recorded) -> Result<Vec<EventRow>, CommandError> {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        let metadata = &commit.metadata;
        if !is(&self.aggregate, &commit.aggregate_id)
            || !is(&self.actor, &metadata.actor)
            || !is(&self.correlation, &metadata.correlation_id)
        {
            return Ok(Vec::new());
        }
        let mut events = EventRow::of(commit)?;
        if !self.event_type.is_empty() {
            events.retain(|event| self.event_type.contains(&event.event_type));
        }
        Ok(events)
    }

    /// Opens what is to be read.
    pub(super) async fn open(&self, log: &Log, span: Span) -> Result<Reading, CommandError> {
        let commits = match &self.aggregate {
            // The server finds an aggregate's commits by itself; the rest needn't be read.
            Some(id) => {
                let mut commits = Vec::new();
                for stream in span.streams() {
                    // Within a stream its own order counts, whatever the clocks say.
                    let mut latest = DateTime::<Utc>::MIN_UTC;
                    for commit in commits_of(log, stream, id).await? {
                        latest = latest.max(commit.metadata.time);
                        commits.push((latest, commit));
                    }
                }
                commits.sort_by_key(|(time, commit)| (*time, commit.stream, commit.sequence));
                let commits: Vec<_> = commits.into_iter().map(|(_, commit)| commit).collect();
                Source::Aggregate(commits.into_iter())
            }
            None => Source::Span(span.read(log)),
        };
        Ok(Reading {
            commits,
            progress: Progress::begin("Reading the log", "commits"),
            read: 0,
            span,
        })
    }
}

/// Commits that are being read.
pub(super) struct Reading {
    commits: Source,
    span: Span,
    progress: Progress,
    read: u64,
}

enum Source {
    Span(Commits),
    Aggregate(std::vec::IntoIter<Recorded>),
}

impl Reading {
    /// The next commit in the range.
    pub(super) async fn next(&mut self) -> Result<Option<Recorded>, CommandError> {
        loop {
            let commit = match &mut self.commits {
                Source::Span(commits) => commits.next().await.transpose()?,
                Source::Aggregate(commits) => commits.next(),
            };
            let Some(commit) = commit else {
                return Ok(None);
            };
            self.read += 1;
            if self.read.is_multiple_of(1_024) {
                self.progress.at(self.read, self.span.len());
            }
            if self.span.holds(&commit) {
                return Ok(Some(commit));
            }
        }
    }
}
