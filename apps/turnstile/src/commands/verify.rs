//! `turnstile verify`.

use ::projections::{MongoStore, Projection, VerifyError, verify_with};
use analysis::{AnalysisError, Checked, Finding, check};
use eventstore::Log;
use read_models::{
    orders::OrdersProjection, payable_orders::PayableOrdersProjection, tickets::TicketsProjection,
};
use serde_json::json;

use super::{
    CliError, ExitOutcome, Servers,
    acknowledge::in_words,
    output::{Output, OutputArgs},
    progress::shown,
};

/// Limit for documents of a read model's replay in memory.
const DOCUMENTS: usize = 150_000;
/// Limit for printed findings; more are only counted. A log with more has one cause.
const SHOWN: u64 = 1_000;

/// Check that the log is consistent and every read model equals a replay; exit code 1 if not
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct VerifyArgs {
    /// Check the log only; needs no MongoDB
    #[arg(long)]
    log_only: bool,
    #[command(flatten)]
    output: OutputArgs,
}

const AFTER: &str = "Rules, each named in a finding:
  dense_sequences       sequences of a stream have no gap
  known_types           every commit can be read, every event is of a known type and shape
  dense_versions        versions of an aggregate have no gap
  unique_commits        no two commits have the same id
  causation_present     the commit that caused another is in the log
  one_live_order        a ticket has at most one live order at every moment
  live_order_ends       only a live order is paid or cancelled
  unique_ids            an order is placed once, on one ticket, and a payment is for one order
  captured_is_complete  money was only taken for an order that is complete, by its payment
  read_model            every document is what a replay gives, byte for byte

A hole that an operator has acknowledged is listed, but is not a finding. Its consequences are: a
skipped version, a missing cause. They name the aggregates to look at.

A finding names the stream and the sequence of the commit that breaks the rule, or the first document
of a read model that differs. May run under traffic. Memory is bounded: a long log is read several
times, each time for a part of its aggregates.

Exit codes: 0 no finding; 1 findings; 2 to 4 as for every command.

Examples:
  turnstile verify
  turnstile verify --log-only --json | jq -r '\"\\(.stream)#\\(.sequence) \\(.what)\"'";

pub(crate) async fn run(args: VerifyArgs, servers: &Servers) -> Result<ExitOutcome, CliError> {
    let log = servers.log().await?;
    let read = if args.log_only {
        None
    } else {
        Some(servers.read_models().await?)
    };
    let mut output = args.output.open();
    let mut well = check_log(&log, &mut output).await?;
    if let Some(read) = &read {
        well &= check_model(&TicketsProjection, &log, read, &mut output).await?;
        well &= check_model(&OrdersProjection, &log, read, &mut output).await?;
        well &= check_model(&PayableOrdersProjection, &log, read, &mut output).await?;
    }
    output.flush()?;
    Ok(ExitOutcome::of(well))
}

async fn check_log(log: &Log, output: &mut Output) -> Result<bool, CliError> {
    let mut findings: Vec<Finding> = Vec::new();
    let found = |finding| {
        if (findings.len() as u64) < SHOWN {
            findings.push(finding);
        }
    };
    let checked = check(log, found, shown("Checking the log", "commits")).await?;
    for finding in &findings {
        let place = format!("{}#{}", finding.stream, finding.sequence);
        output.tell(&format!("{place}: {}", finding.what), "finding", finding)?;
    }
    for stream in event_streams::ALL {
        for hole in log.holes().acknowledged(stream).await?.iter() {
            if output.is_table() {
                output.line(&in_words(hole))?;
            } else {
                output.json(&json!({ "acknowledged": hole }))?;
            }
        }
    }
    let Checked {
        commits,
        events,
        findings,
        ..
    } = checked;
    let words = format!("the log: {commits} commits, {events} events, {findings} findings");
    let counts = json!({ "commits": commits, "events": events, "findings": findings });
    output.tell(&words, "log", &counts)?;
    Ok(findings == 0)
}

async fn check_model<P: Projection>(
    projection: &P,
    log: &Log,
    read: &MongoStore,
    output: &mut Output,
) -> Result<bool, CliError> {
    let key = projection.key();
    let at = shown(&format!("Replaying {key}"), "commits");
    let compared = verify_with(projection, log, read, DOCUMENTS, at).await;
    let difference = match compared {
        Ok(difference) => difference,
        Err(VerifyError::Log(error)) if error.retry_after().is_some() => {
            return Err(AnalysisError::from(error).into());
        }
        Err(VerifyError::Read(error)) => return Err(error.into()),
        // The log contains an event that can't be folded, or no process folds it.
        Err(
            error @ (VerifyError::Behind { .. }
            | VerifyError::NobodyThere { .. }
            | VerifyError::Halted { .. }
            | VerifyError::Log(_)
            | VerifyError::Fold(_)
            | VerifyError::OwnedByAnother(_)),
        ) => {
            let what = error.to_string();
            let finding = json!({ "rule": "read_model", "read_model": key, "what": what });
            output.tell(&format!("{key}: {what}"), "finding", &finding)?;
            return Ok(false);
        }
        Err(error) => return Err(CliError::failed(error)),
    };
    let Some(difference) = difference else {
        let streams = projection.streams();
        let streams: Vec<_> = streams.iter().map(|stream| stream.as_str()).collect();
        let words = format!("{key}: equals a replay of {}", streams.join(", "));
        let equal = json!({ "read_model": key, "equals_replay": true });
        output.tell(&words, "read_model", &equal)?;
        return Ok(true);
    };
    let shown = |document: Option<_>| {
        document.map_or_else(|| "nothing".to_owned(), |document| format!("{document}"))
    };
    let (replayed, stored) = (shown(difference.replayed), shown(difference.stored));
    let words = format!(
        "{key}: document {} differs\n  a replay gives {replayed}\n  stored is      {stored}",
        difference.id
    );
    let finding = json!({
        "rule": "read_model",
        "read_model": key,
        "streams": projection.streams(),
        "document": difference.id,
        "what": format!("a replay gives {replayed}, stored is {stored}"),
    });
    output.tell(&words, "finding", &finding)?;
    Ok(false)
}
