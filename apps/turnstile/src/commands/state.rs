//! `turnstile state`: an aggregate at a moment.

use analysis::{Aggregate, AnalysisError, Bound, Entity, commits_of};
use chrono::{DateTime, Utc};
use domain::{OrderId, PaymentId};
use event_streams::{ORDERS, PAYMENTS, TICKETS, USERS};
use eventstore::{Commit, Log, StreamName};
use serde::Serialize;
use serde_json::Value;

use super::{CliError, Servers, history::subject, output::OutputArgs, range::bound};

/// Show a ticket, order, payment or user in its state at a moment
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct StateArgs {
    /// The ID of a ticket, an order, a payment or a user; or a user's e-mail address
    id: String,
    /// A time (2026-03-01 19:30, UTC; yesterday; -15m), or a place in a stream (ORDERS:1200);
    /// events until then count, including that moment. By default now
    #[arg(long, value_name = "TIME|PLACE", value_parser = bound, allow_hyphen_values = true)]
    at: Option<Bound>,
    #[command(flatten)]
    output: OutputArgs,
}

const AFTER: &str = "In JSON, one aggregate a line:
  stream        its stream
  aggregate_id  its id
  version       the version that its last event by then brought it to, counted from 0
  sequence      the last commit that counts
  time          when that was
  state         what it was then; secrets are left out, money is in cents

A ticket and its orders are two aggregates with one id: both are shown. Of an order, the order is
shown and not the others of the same ticket. A place in a stream shows only what is in that stream.

Examples:
  turnstile state 0199a3f2-… --at 2026-03-01T19:30:00Z
  turnstile state 0199a3f2-… --at ORDERS:1200
  turnstile state ada@example.com";

/// An aggregate at a moment.
#[derive(Debug, Serialize)]
struct Then {
    stream: StreamName,
    aggregate_id: String,
    version: u64,
    sequence: u64,
    time: DateTime<Utc>,
    state: Value,
}

pub(crate) async fn run(args: StateArgs, servers: &Servers) -> Result<(), CliError> {
    let log = servers.log().await?;
    let (aggregates, order) = match subject(&log, &args.id).await? {
        Entity::Ticket(ticket) => {
            let id = ticket.to_string();
            (vec![(TICKETS, id.clone()), (ORDERS, id)], None)
        }
        Entity::Order { order, ticket } => (vec![(ORDERS, ticket.to_string())], Some(order)),
        Entity::Payment { payment, .. } => (vec![(PAYMENTS, PaymentId::to_string(&payment))], None),
        Entity::User(user) => (vec![(USERS, user.to_string())], None),
    };
    if let Some(Bound::Sequence { stream, sequence }) = args.at {
        let streams: Vec<_> = aggregates.iter().map(|(stream, _)| *stream).collect();
        reached(&log, &streams, stream, sequence).await?;
    }
    let mut shown = Vec::new();
    for (stream, id) in &aggregates {
        shown.extend(then(&log, *stream, id, args.at, order).await?);
    }
    if shown.is_empty() {
        let at = args
            .at
            .map_or_else(|| "now".to_owned(), |at| at.to_string());
        return Err(CliError::failed(format!(
            "there was no {} at {at}",
            args.id
        )));
    }
    let mut output = args.output.open();
    for then in &shown {
        if output.is_table() {
            output.line(&format!(
                "{} {} at version {} ({}#{}, {})",
                then.stream,
                then.aggregate_id,
                then.version,
                then.stream,
                then.sequence,
                then.time.format("%Y-%m-%d %H:%M:%S%.3f"),
            ))?;
            output.line(&serde_json::to_string_pretty(&then.state).unwrap_or_default())?;
        } else {
            output.record("state", then)?;
        }
    }
    output.flush()
}

/// Refuses a place that the log hasn't reached, since its meaning would change, and one that may be
/// in either of two streams.
async fn reached(
    log: &Log,
    streams: &[StreamName],
    stream: Option<StreamName>,
    sequence: u64,
) -> Result<(), CliError> {
    let stream = match (stream, streams) {
        (Some(stream), _) => stream,
        (None, [only]) => *only,
        (None, _) => {
            let places = streams.iter().map(|stream| format!("{stream}:{sequence}"));
            let places: Vec<_> = places.collect();
            return Err(CliError::failed(format!(
                "{sequence} is a place in either of two streams: say {}",
                places.join(" or ")
            )));
        }
    };
    let last = log.reader().last_sequence(stream).await?;
    if sequence > last {
        let past = AnalysisError::PastEnd {
            stream,
            sequence,
            last,
        };
        return Err(past.into());
    }
    Ok(())
}

/// Replays one aggregate up to a moment; `None` if it didn't exist yet.
async fn then(
    log: &Log,
    stream: StreamName,
    id: &str,
    at: Option<Bound>,
    order: Option<OrderId>,
) -> Result<Option<Then>, CliError> {
    let counts = |commit: &Commit| match at {
        None => true,
        Some(Bound::Time(time)) => commit.metadata.time <= time,
        Some(Bound::Sequence {
            stream: of,
            sequence,
        }) => of.is_none_or(|of| of == stream) && commit.sequence <= sequence,
    };
    let Some(mut aggregate) = Aggregate::empty(stream) else {
        return Ok(None);
    };
    let (mut version, mut last) = (0, None);
    // A stream's own order counts: an event after a later one is later, whatever its clock.
    for commit in commits_of(log, stream, id).await? {
        if !counts(&commit) {
            break;
        }
        aggregate.apply(&mut version, &commit)?;
        last = Some((commit.sequence, commit.metadata.time));
    }
    let state = match order {
        Some(order) => aggregate.state_of_order(order),
        None => aggregate.state(),
    };
    Ok(last
        .filter(|_| !state.is_null())
        .map(|(sequence, time)| Then {
            stream,
            aggregate_id: id.to_owned(),
            // The counter is the version of the next event.
            version: version.saturating_sub(1),
            sequence,
            time,
            state,
        }))
}
