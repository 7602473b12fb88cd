//! `turnstile events tail`.

use analysis::{EventRow, Span};
use chrono::{DateTime, Utc};
use eventstore::{Log, StreamName};
use futures_util::{StreamExt, stream::select_all};
use std::collections::{BTreeMap, VecDeque};

use super::{
    columns::{ColumnArgs, Writer, explained},
    filter::Filter,
};
use crate::commands::{CommandError, Outcome, Servers, output::OutputArgs};

/// How many commits of each stream are looked at first; eight times as many each time that this
/// is not enough.
const FIRST_LOOK: u64 = 256;

/// Show the newest events; with -f, go on with those to come
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("{}\n\n{EXAMPLES}", explained()))]
pub(crate) struct TailArgs {
    #[command(flatten)]
    filter: Filter,
    /// How many
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
    args.filter.warn_of_unknown_types();
    let log = servers.log().await?;
    let span = args.filter.span(&log).await?;
    let mut writer = Writer::new(args.output.open(), args.columns);
    for event in newest(&args.filter, &log, &span, args.count).await? {
        writer.write(event)?;
    }
    writer.flush()?;
    if !args.follow {
        return Ok(Outcome::Well);
    }
    let to_come = args.filter.streams().into_iter().map(|stream| {
        let after = span.end(stream);
        log.follow(stream, after).boxed()
    });
    // As they arrive: waiting until no other stream can have an earlier one would mean to wait for
    // the next event of the quietest.
    let mut to_come = select_all(to_come);
    while let Some(commit) = to_come.next().await {
        for event in args.filter.events_of(&commit?)? {
            writer.write(event)?;
        }
        writer.flush()?;
    }
    Ok(Outcome::Well)
}

/// The newest events that are meant, oldest first.
///
/// Only the ends of the streams are looked at, and more of them where that isn't enough: an event
/// is among the newest for certain only if it is later than all that wasn't looked at.
async fn newest(
    filter: &Filter,
    log: &Log,
    span: &Span,
    count: usize,
) -> Result<VecDeque<EventRow>, CommandError> {
    let mut look = FIRST_LOOK;
    loop {
        let end = span.newest(look);
        let is_cut = |stream| end.places(stream) != span.places(stream);
        let all = !span.streams().any(is_cut);
        let mut reading = filter.open(log, end.clone()).await?;
        let mut begins: BTreeMap<StreamName, DateTime<Utc>> = BTreeMap::new();
        let mut found = VecDeque::new();
        while let Some(commit) = reading.next().await? {
            if is_cut(commit.stream) {
                begins.entry(commit.stream).or_insert(commit.metadata.time);
            }
            found.extend(filter.events_of(&commit)?);
            while found.len() > count {
                found.pop_front();
            }
        }
        let certain = begins.values().max();
        let is_certain = |event: &EventRow| certain.is_none_or(|certain| event.time >= *certain);
        if all || found.len() >= count && found.iter().all(is_certain) {
            return Ok(found);
        }
        look = look.saturating_mul(8);
    }
}
