//! `turnstile streams acknowledge`: lets readers continue after messages that the server has lost.

use analysis::stream_named;
use chrono::Utc;
use eventstore::{AcknowledgedHole, Log, StreamName};

use super::{CliError, output::say};

pub(super) const AFTER: &str = "The server counts these messages but can't return them, for example after a disk error. Readers stop
at such a hole, so read models stand still. Another copy of the stream or a backup may still have the
messages: restore them first, if you can.

After the acknowledgment, readers continue behind the hole. The log records the decision with your name
and reason; it can't be undone, and `turnstile verify` lists it. Commands on an aggregate that lacks a
commit fail: the missing commit may be a sale. Read models that showed the lost commits keep showing
them until they are rebuilt.

The command fails with exit code 2 if a message is readable or never existed.

Examples:
  turnstile verify --log-only
  turnstile streams acknowledge ORDERS 51 --by ann --reason 'disk of nats-0; no backup has it'
  turnstile streams acknowledge ORDERS 51 --last 60 --by ann --reason 'block 3 is unreadable'";

#[derive(Debug, clap::Args)]
pub(crate) struct AcknowledgeArgs {
    /// The stream: USERS, TICKETS, ORDERS or PAYMENTS
    #[arg(value_parser = event_stream)]
    stream: StreamName,
    /// The sequence that is missing, or the first of several
    first: u64,
    /// The last sequence that is missing, if there are several
    #[arg(long, value_name = "SEQUENCE")]
    last: Option<u64>,
    /// Who takes this decision
    #[arg(long, value_name = "NAME", value_parser = words)]
    by: String,
    /// Why readers may continue without these messages
    #[arg(long, value_name = "TEXT", value_parser = words)]
    reason: String,
}

fn event_stream(name: &str) -> Result<StreamName, String> {
    let names = event_streams::ALL.map(StreamName::as_str).join(", ");
    stream_named(name).ok_or_else(|| format!("no stream of events; there are {names}"))
}

fn words(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err("one line of text is expected".to_owned());
    }
    Ok(text.to_owned())
}

pub(crate) async fn run(log: &Log, args: AcknowledgeArgs) -> Result<(), CliError> {
    let last = args.last.unwrap_or(args.first);
    let hole = AcknowledgedHole {
        stream: args.stream,
        first: args.first,
        last,
        by: args.by,
        reason: args.reason,
        at: Utc::now(),
    };
    log.holes().acknowledge(&hole).await?;
    say(&in_words(&hole))
}

/// Describes a hole, in words.
pub(super) fn in_words(hole: &AcknowledgedHole) -> String {
    let AcknowledgedHole {
        stream,
        first,
        last,
        by,
        reason,
        at,
    } = hole;
    let places = if first == last {
        format!("{stream}#{first}: lost")
    } else {
        format!("{stream}#{first} to #{last}: lost")
    };
    let day = at.format("%Y-%m-%d %H:%M:%S");
    format!("{places}, acknowledged by {by} at {day}: {reason}")
}
