//! `turnstile events tail`.

use analysis::Span;
use chrono::{DateTime, Utc};
use eventstore::{Log, StreamName};
use futures_util::{Stream, StreamExt, stream, stream::select_all};
use std::collections::{BTreeMap, VecDeque};

use super::{
    columns::{ColumnArgs, Writer, explained},
    filter::Filter,
    row::{Found, Row, as_found},
};
use crate::commands::{CommandError, Outcome, Servers, output::OutputArgs};

/// How many commits of each stream are looked at first; eight times as many before those each time
/// that this is not enough.
const FIRST_LOOK: u64 = 256;

/// Show the newest events; with -f, go on with those to come
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("{}\n\n{EXAMPLES}", explained()))]
pub(crate) struct TailArgs {
    #[command(flatten)]
    filter: Filter,
    /// How many. All of them are in memory at once, some 1.5 KB each: of a long part of the log,
    /// `events ls` shows every one as it is read
    #[arg(
        long,
        short = 'n',
        value_name = "COUNT",
        default_value_t = 20,
        help_heading = "Filters"
    )]
    count: usize,
    /// Go on with new events as they are stored, until Ctrl-C. A connection that is lost is waited
    /// for
    #[arg(long, short, conflicts_with = "to")]
    follow: bool,
    #[command(flatten)]
    columns: ColumnArgs,
    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "Examples:
  turnstile events tail -f
  turnstile events tail -n 5 --type PaymentDeclined
  turnstile events tail -f --stream ORDERS --json | jq -r .event_type";

pub(super) async fn run(args: TailArgs, servers: &Servers) -> Result<Outcome, CommandError> {
    let log = servers.log().await?;
    let span = args.filter.span(&log).await?;
    let mut writer = Writer::new(args.output.open(), args.columns);
    for row in newest(&args.filter, &log, &span, args.count).await? {
        writer.write(row)?;
    }
    if !args.follow {
        writer.end()?;
        return Ok(Outcome::Well);
    }
    writer.flush()?;
    let skip = args.filter.skip_unreadable;
    let to_come = args.filter.streams().into_iter().map(|stream| {
        let after = span.end(stream);
        follow(&log, stream, after, skip).boxed()
    });
    // As they arrive: waiting until no other stream can have an earlier one would mean to wait for
    // the next event of the quietest.
    let mut to_come = select_all(to_come);
    while let Some(found) = to_come.next().await {
        for row in args.filter.rows_of(&log, found?).await? {
            writer.write(row)?;
        }
        writer.flush()?;
    }
    Ok(Outcome::Well)
}

/// Follows a stream, and goes on behind what can't be read if that is wanted.
fn follow(
    log: &Log,
    stream: StreamName,
    after: u64,
    skip: bool,
) -> impl Stream<Item = Result<Found, CommandError>> {
    let begin = log.follow(stream, after).boxed();
    stream::unfold(Some(begin), move |state| async move {
        let mut commits = state?;
        match commits.next().await? {
            Ok(commit) => Some((Ok(Ok(commit)), Some(commits))),
            Err(error) if skip => Some(match as_found(error) {
                Ok(finding) => {
                    let on = log.follow(stream, finding.sequence).boxed();
                    (Ok(Err(finding)), Some(on))
                }
                Err(error) => (Err(error.into()), None),
            }),
            Err(error) => Some((Err(error.into()), None)),
        }
    })
}

/// The newest events that are meant, oldest first.
///
/// The streams are read from their ends, a part at a time, and each part once: an event is among
/// the newest for certain only if it is later than all that wasn't looked at.
async fn newest(
    filter: &Filter,
    log: &Log,
    span: &Span,
    count: usize,
) -> Result<Vec<Row>, CommandError> {
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
        let mut rows: BTreeMap<StreamName, VecDeque<Row>> = BTreeMap::new();
        let mut reading = filter.open(log, part.clone()).await?;
        while let Some(next) = reading.next().await? {
            let stream = match &next {
                Ok(commit) => {
                    begins.entry(commit.stream).or_insert(commit.metadata.time);
                    commit.stream
                }
                Err(finding) => finding.stream,
            };
            let of_stream = rows.entry(stream).or_default();
            of_stream.extend(filter.rows_of(log, next).await?);
            while of_stream.len() > count {
                of_stream.pop_front();
            }
        }
        found.add_earlier(rows);
        looked += look;
        let left = span.before_newest(looked);
        let cut = span
            .streams()
            .filter(|stream| left.places(*stream).is_some());
        // Where nothing was met that is in the range, what comes before may be of any time.
        let begin = |stream| {
            begins
                .get(&stream)
                .copied()
                .unwrap_or(DateTime::<Utc>::MAX_UTC)
        };
        match cut.map(begin).max() {
            Some(begin) if !found.is_certain(begin) => {}
            _ => return Ok(found.merged()),
        }
        look = look.saturating_mul(8);
    }
}

/// The newest rows of each stream, as far as they were looked for.
struct Newest {
    rows: BTreeMap<StreamName, VecDeque<Row>>,
    count: usize,
}

impl Newest {
    /// Adds what was found before what is there.
    fn add_earlier(&mut self, rows: BTreeMap<StreamName, VecDeque<Row>>) {
        for (stream, mut earlier) in rows {
            let later = self.rows.remove(&stream).unwrap_or_default();
            earlier.extend(later);
            while earlier.len() > self.count {
                earlier.pop_front();
            }
            self.rows.insert(stream, earlier);
        }
    }

    /// Whether no event that wasn't looked at can be among the newest: all of those are from this
    /// moment or later.
    fn is_certain(&self, moment: DateTime<Utc>) -> bool {
        let rows = self.rows.values().flatten();
        rows.filter(|row| row.time() >= moment).count() >= self.count
    }

    /// The newest of all streams, oldest first.
    fn merged(self) -> Vec<Row> {
        let mut all = Vec::new();
        for (stream, rows) in self.rows {
            // A clock that went back doesn't put an event before the one that it follows.
            let mut latest = DateTime::<Utc>::MIN_UTC;
            for row in rows {
                latest = latest.max(row.time());
                all.push((latest, stream, row));
            }
        }
        all.sort_by_key(|(time, stream, _)| (*time, *stream));
        let unwanted = all.len().saturating_sub(self.count);
        all.into_iter()
            .skip(unwanted)
            .map(|(_, _, row)| row)
            .collect()
    }
}
