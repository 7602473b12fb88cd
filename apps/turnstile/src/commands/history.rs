//! `turnstile history`.

use analysis::{Entity, HistoryStep, find, history};
use eventstore::Log;
use serde_json::Value;

use super::{
    CliError, Servers,
    output::{Output, OutputArgs},
    progress::shown,
};

/// Show the history of a ticket, order, payment or user, across all services
///
/// Each step has its author, its cause and the changes.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct HistoryArgs {
    /// The ID of a ticket, an order, a payment or a user; or a user's e-mail address
    id: String,
    /// Show the whole state after each step, not only the changes (JSON always has both)
    #[arg(long, help_heading = "Output")]
    full: bool,
    #[command(flatten)]
    output: OutputArgs,
}

const AFTER: &str = "Each step is a commit. As JSON, one per line:
  step       its number
  caused_by  the step that caused it; null if a request did
  depth      how many steps led to it from the request that began it all
  events     its events, as `turnstile events show` explains them
  state      the aggregate (of an order's history: the order) after it
  changes    the fields that it changed: field, before, after

Steps are in order of time, but no effect comes before its cause. The history of a user needs the
whole log to be read, and so may that of an order that nobody began to pay.

Examples:
  turnstile history 0199a3f2-…
  turnstile history ada@example.com
  turnstile history 0199a3f2-… --json | jq -c '[.step, .caused_by, .events[].event_type]'";

pub(crate) async fn run(args: HistoryArgs, servers: &Servers) -> Result<(), CliError> {
    let log = servers.log().await?;
    let subject = subject(&log, &args.id).await?;
    let steps = history(&log, subject, shown("Reading the log", "commits")).await?;
    let mut output = args.output.open();
    if output.is_table() {
        output.line(&head(subject, steps.len()))?;
        for step in &steps {
            show(&mut output, step, args.full)?;
        }
        output.line("\nCauses")?;
        let mut above = String::new();
        for root in steps.iter().filter(|step| step.caused_by.is_none()) {
            let Some(origin) = root.events.first() else {
                continue;
            };
            let origin = match origin.causation_id {
                None => format!("  request {}", origin.correlation_id),
                Some(cause) => format!("  commit {cause}, which is not part of this"),
            };
            // A request may have several effects: it begins a payment and authorizes it.
            if origin != above {
                output.line(&origin)?;
                above = origin;
            }
            branch(&mut output, &steps, root)?;
        }
    } else {
        for step in &steps {
            output.record("step", step)?;
        }
    }
    output.flush()
}

/// Resolves an ID to a ticket, order, payment or user.
pub(super) async fn subject(log: &Log, id: &str) -> Result<Entity, CliError> {
    let found = find(log, id, shown("Looking through the orders", "commits")).await?;
    found.ok_or_else(|| CliError::failed(format!("the log knows nothing of {id}")))
}

fn head(subject: Entity, steps: usize) -> String {
    let what = match subject {
        Entity::Ticket(ticket) => format!("Ticket {ticket}"),
        Entity::Order { order, ticket } => format!("Order {order} of ticket {ticket}"),
        Entity::Payment {
            payment,
            order,
            ticket,
        } => format!("Payment {payment} for order {order} of ticket {ticket}"),
        Entity::User(user) => format!("User {user}"),
    };
    format!("{what}: {steps} steps")
}

fn show(output: &mut Output, step: &HistoryStep, full: bool) -> Result<(), CliError> {
    for event in &step.events {
        let why = match step.caused_by {
            Some(cause) => format!("because of step {cause}"),
            None => format!("request {}", event.correlation_id),
        };
        output.line(&format!(
            "\n{:>4}  {}  {}#{}  {}\n      by {}, {why}; {} {} is at version {}",
            step.step,
            event.time.format("%Y-%m-%d %H:%M:%S%.3f"),
            event.stream,
            event.sequence,
            event.event_type,
            event.actor,
            event.aggregate_type,
            event.aggregate_id,
            event.version,
        ))?;
    }
    for change in &step.changes {
        let line = match (&change.before, &change.after) {
            (Value::Null, after) => format!("+ {}: {after}", change.field),
            (before, Value::Null) => format!("- {}: {before}", change.field),
            (before, after) => format!("~ {}: {before} → {after}", change.field),
        };
        output.line(&format!("      {line}"))?;
    }
    if full {
        let state = serde_json::to_string_pretty(&step.state).unwrap_or_default();
        for line in state.lines() {
            output.line(&format!("      {line}"))?;
        }
    }
    Ok(())
}

/// Prints a step and all of its effects.
fn branch(output: &mut Output, steps: &[HistoryStep], step: &HistoryStep) -> Result<(), CliError> {
    // Without recursion: a chain can be as long as the log.
    let mut open = vec![step];
    while let Some(step) = open.pop() {
        let types: Vec<_> = step.events.iter().map(|e| e.event_type.as_str()).collect();
        output.line(&format!(
            "  {}{}. {} by {}",
            "  ".repeat(step.depth + 1),
            step.step,
            types.join(", "),
            step.events.first().map_or("", |event| event.actor.as_str()),
        ))?;
        let effects = steps
            .iter()
            .filter(|other| other.caused_by == Some(step.step));
        open.extend(effects.rev());
    }
    Ok(())
}
